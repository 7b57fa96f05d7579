import Foundation
import Segmentation
import Storage
import TestSupport
import Testing
import Torch

@testable import Training

/// Names, values and files of earlier versions.
@Suite("Settings of earlier versions")
struct EarlierNamesTests {
  /// Assignments as an earlier version took them, beside the present ones.
  private static let moved = [
    ("interventionStart=0.4", "model.options.start=0.4"),
    ("interventionStart*=0.5", "model.options.start*=0.5"),
    ("objective.causal=0.3", "model.options.causal=0.3"),
    ("objective.contrast=0.3", "model.options.contrast=0.3"),
    ("objective.contrast*=3", "model.options.contrast*=3"),
    ("objective.temperature=0.7", "model.options.temperature=0.7"),
    ("interventions.invariance=0.3", "model.options.invariance=0.3"),
    ("interventions.attention=0.3", "model.options.attention=0.3"),
    ("model.intervention.prior=estimated", "interventions.prior=estimated"),
    ("model.intervention.depth=2", "model.options.intervention.depth=2"),
    ("model.intervention.depth*=2", "model.options.intervention.depth*=2"),
    ("model.intervention.heads=2", "model.options.intervention.heads=2"),
    ("model.intervention.width=8", "model.options.intervention.width=8"),
    ("model.intervention.adjustment=exact", "model.options.intervention.adjustment=exact"),
    ("model.intervention.dictionary=random", "model.options.intervention.dictionary=random"),
    ("model.intervention.evidence=3", "model.options.intervention.evidence=3"),
    ("model.intervention.outputScale=0.2", "model.options.intervention.outputScale=0.2"),
    ("model.region.fraction=0.3", "model.options.region.fraction=0.3"),
    ("model.region.score=max", "model.options.region.score=max"),
    ("model.region.temperature=0.2", "model.options.region.temperature=0.2"),
    ("model.region.selection=soft", "model.options.region.selection=soft"),
    ("model.region.fill=zeros", "model.options.region.fill=zeros"),
    ("model.region.subtractsNormal=false", "model.options.region.score=max"),
    ("model.method=no-mtrs", "model.options.region=null"),
    ("model.method=no-cdrl", "model.options.intervention=null"),
  ]

  /// The default settings after an assignment.
  private func settings(_ assignments: String...) throws -> RunConfiguration {
    var configuration = RunConfiguration.ofMCDRL
    for assignment in assignments { try configuration.set(assignment) }
    return configuration
  }

  /// The default settings with a JSON5 text laid over them.
  private func laid(_ text: String, over base: RunConfiguration = RunConfiguration.ofMCDRL) throws
    -> RunConfiguration
  {
    let folder = try TemporaryFolder("earlier")
    try Data(text.utf8).write(to: folder.file("settings.json5"))
    var configuration = base
    try configuration.merge(contentsOf: folder.file("settings.json5"))
    return configuration
  }

  /// The settings that a run folder holds as `config.json`.
  func run(_ text: String) throws -> RunConfiguration {
    let folder = try TemporaryFolder("earlier")
    let run = RunFolder(folder.url)
    try Data(text.utf8).write(to: run.configurationFile)
    return try run.configuration()
  }

  @Test("Every setting that has moved is still set under its earlier name", arguments: moved)
  func names(earlier: String, present: String) throws {
    let wanted = try settings(present)
    #expect(try settings(earlier) == wanted && wanted != RunConfiguration.ofMCDRL)
    guard !earlier.contains("*") else { return }
    // So it is in a file, where names are nested.
    let sides = earlier.split(separator: "=").map(String.init)
    let value = Double(sides[1]) == nil && sides[1] != "false" ? "'\(sides[1])'" : sides[1]
    let text = sides[0].split(separator: ".").reversed().reduce(value) { "{ \($1): \($0) }" }
    #expect(try laid(text) == wanted, "\(text)")
  }

  @Test("The present name of an earlier one is told, and any other name is its own")
  func presentNames() {
    for (earlier, present) in [
      ("interventionStart", "model.options.start"), ("objective.causal", "model.options.causal"),
      ("model.intervention.depth", "model.options.intervention.depth"),
      ("model.intervention.prior", "interventions.prior"), ("model.region", "model.options.region"),
      ("objective.dice", "objective.dice"), ("model.options.start", "model.options.start"),
      ("interventions.share", "interventions.share"), ("model.interventions", "model.interventions"),
    ] { #expect(RunConfiguration.presentName(earlier) == present) }
  }

  @Test("no-mtrs and no-cdrl are the method with a part turned off, whatever else is said of the part")
  func methods() throws {
    for (name, other) in [("no-mtrs", "region"), ("no-cdrl", "intervention")] {
      let key = other == "region" ? "fraction: 0.25" : "depth: 2"
      let texts = [
        "{ model: { method: '\(name)', \(other): { \(key) } } }",
        "{ model: { \(other): { \(key) }, method: '\(name)' } }",
      ]
      for text in texts {
        let found = try laid(text)
        #expect(found.model.method.name == "mcdrl")
        #expect((found.mcdrlOptions.region == nil) == (name == "no-mtrs"))
        #expect((found.mcdrlOptions.intervention == nil) == (name == "no-cdrl"))
      }
    }
    // From another method, too.
    let found = try settings("model.method=baseline", "model.method=no-cdrl")
    #expect(found.mcdrlOptions.region == RegionConfiguration() && found.mcdrlOptions.intervention == nil)
  }

  @Test(
    "Zeros and empty texts that meant none are null",
    arguments: [
      "confounders=0", "holdOut=", "lesionClass=", "data=", "clip=", "model.intervention.width=0",
    ])
  func none(assignment: String) throws {
    var configuration = RunConfiguration.ofMCDRL
    (configuration.confounders, configuration.holdOut, configuration.lesionClass) = (3, "a", "polyp")
    (configuration.data, configuration.clip) = ("data", "clip")
    configuration.mcdrlOptions.intervention?.width = 8
    let before = try JSONValue(encoding: configuration).leaves
    try configuration.set(assignment)
    try configuration.validate()
    let after = try JSONValue(encoding: configuration).leaves
    let name = RunConfiguration.presentName(String(assignment.prefix { $0 != "=" }))
    #expect(after[name] == .null && before[name] != .null)
    #expect(after.filter { $0.key != name } == before.filter { $0.key != name })
  }

  @Test("An option that was a number and is a truth now is read from both")
  func truths() throws {
    for (text, pooled) in [("0", false), ("1", true), ("false", false), ("true", true)] {
      let found = try settings("model.method=coral", "model.options.pooled=\(text)")
      #expect(found.model.method.options(of: CORAL.self)?.pooled == pooled, "\(text)")
    }
  }

  @Test("null turns a part of the method off, and the whole part turns it on again")
  func parts() throws {
    let parts: [(String, (MCDRL.Options) -> Bool)] = [
      ("region", { $0.region == nil }), ("intervention", { $0.intervention == nil }),
    ]
    for (name, isOff) in parts {
      var configuration = try settings("model.options.\(name)=null")
      try configuration.validate()
      #expect(isOff(configuration.mcdrlOptions) && configuration.model.method.name == "mcdrl")
      #expect(try laid("{ model: { options: { \(name): null } } }") == configuration)
      #expect(try JSONValue(encoding: configuration).leaves["model.options.\(name)"] == .null)
      // One setting of a part that is off says nothing; all of them bring it back.
      let one = name == "region" ? "fraction=0.3" : "depth=2"
      #expect(
        try configuration.set("model.options.\(name).\(one)") == [
          "model.options.\(name).\(one.prefix { $0 != "=" })"
        ])
      #expect(isOff(configuration.mcdrlOptions))
      let whole = try JSONValue(encoding: MCDRL.Options()).members?[name]?.text
      #expect(try configuration.set("model.options.\(name)=\(#require(whole))").isEmpty)
      #expect(configuration == RunConfiguration.ofMCDRL)
    }
    // What is no part cannot be turned off.
    for name in ["optimizer", "model.head", "model.options", "epochs"] {
      #expect(throws: SettingsError.self) { try settings("\(name)=null") }
    }
  }

  @Test("Options of another method are told as ignored and change nothing")
  func foreign() throws {
    var configuration = RunConfiguration.ofMCDRL
    #expect(try configuration.set("model.options.anneal=0.5") == ["model.options.anneal"])
    #expect(configuration == RunConfiguration.ofMCDRL)
    try configuration.set("model.method=baseline")
    let plain = configuration
    #expect(try configuration.set("interventionStart=0.4") == ["model.options.start"])
    #expect(
      try configuration.set("model.region.fraction=0.3") == ["model.options.region.fraction"])
    #expect(configuration == plain)
    let folder = try TemporaryFolder("earlier")
    let file = folder.file("settings.json5")
    try Data("{ model: { method: 'irm', options: { anneal: 0.5, width: 8, start: 0 } }, epochs: 3 }".utf8)
      .write(to: file)
    #expect(try configuration.merge(contentsOf: file) == ["model.options.start", "model.options.width"])
    #expect(configuration.model.method == MethodChoice(IRM.self).changing(IRM.self) { $0.anneal = 0.5 })
    #expect(configuration.epochs == 3)
  }

  @Test("An option that no method has is an error with its name, the method's, and those there are")
  func unknown() throws {
    for (method, name, known) in [
      ("mcdrl", "stat", "start"), ("mcdrl", "region.fractoin", "region.fraction"),
      ("coral", "wight", "weight"),
    ] {
      var configuration = try settings("model.method=\(method)")
      let before = configuration
      let text = message { try configuration.set("model.options.\(name)=1") }
      #expect(text.contains("model.options.\(name): not known"), "\(text)")
      #expect(text.contains("did you mean \"\(known)\"?"), "\(text)")
      #expect(configuration == before)
    }
    let none = message { _ = try settings("model.method=baseline", "model.options.stat=1") }
    #expect(none.contains("stat") && none.contains("the method baseline has none"), "\(none)")
    let method = message { _ = try settings("model.method=corel") }
    #expect(method.contains("\"corel\" is not known") && method.contains("coral"), "\(method)")
  }
}
