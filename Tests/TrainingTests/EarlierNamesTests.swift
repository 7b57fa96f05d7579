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
    var configuration = RunConfiguration()
    for assignment in assignments { try configuration.set(assignment) }
    return configuration
  }

  /// The default settings with a JSON5 text laid over them.
  private func laid(_ text: String, over base: RunConfiguration = RunConfiguration()) throws
    -> RunConfiguration
  {
    let folder = try TemporaryFolder("earlier")
    try Data(text.utf8).write(to: folder.file("settings.json5"))
    var configuration = base
    try configuration.merge(contentsOf: folder.file("settings.json5"))
    return configuration
  }

  /// The settings that a run folder holds as `config.json`.
  private func run(_ text: String) throws -> RunConfiguration {
    let folder = try TemporaryFolder("earlier")
    let run = RunFolder(folder.url)
    try Data(text.utf8).write(to: run.configurationFile)
    return try run.configuration()
  }

  @Test("Every setting that has moved is still set under its earlier name", arguments: moved)
  func names(earlier: String, present: String) throws {
    let wanted = try settings(present)
    #expect(try settings(earlier) == wanted && wanted != RunConfiguration())
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
        #expect((found.mcdrl.region == nil) == (name == "no-mtrs"))
        #expect((found.mcdrl.intervention == nil) == (name == "no-cdrl"))
      }
    }
    // From another method, too.
    let found = try settings("model.method=baseline", "model.method=no-cdrl")
    #expect(found.mcdrl.region == RegionConfiguration() && found.mcdrl.intervention == nil)
  }

  @Test(
    "Zeros and empty texts that meant none are null",
    arguments: [
      "confounders=0", "holdOut=", "lesionClass=", "data=", "clip=", "model.intervention.width=0",
    ])
  func none(assignment: String) throws {
    var configuration = RunConfiguration()
    (configuration.confounders, configuration.holdOut, configuration.lesionClass) = (3, "a", "polyp")
    (configuration.data, configuration.clip) = ("data", "clip")
    configuration.mcdrl.intervention?.width = 8
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
      #expect(isOff(configuration.mcdrl) && configuration.model.method.name == "mcdrl")
      #expect(try laid("{ model: { options: { \(name): null } } }") == configuration)
      #expect(try JSONValue(encoding: configuration).leaves["model.options.\(name)"] == .null)
      // One setting of a part that is off says nothing; all of them bring it back.
      let one = name == "region" ? "fraction=0.3" : "depth=2"
      #expect(
        try configuration.set("model.options.\(name).\(one)") == [
          "model.options.\(name).\(one.prefix { $0 != "=" })"
        ])
      #expect(isOff(configuration.mcdrl))
      let whole = try JSONValue(encoding: MCDRL.Options()).members?[name]?.text
      #expect(try configuration.set("model.options.\(name)=\(#require(whole))").isEmpty)
      #expect(configuration == RunConfiguration())
    }
    // What is no part cannot be turned off.
    for name in ["optimizer", "model.head", "model.options", "epochs"] {
      #expect(throws: SettingsError.self) { try settings("\(name)=null") }
    }
  }

  @Test("Options of another method are told as ignored and change nothing")
  func foreign() throws {
    var configuration = RunConfiguration()
    #expect(try configuration.set("model.options.anneal=0.5") == ["model.options.anneal"])
    #expect(configuration == RunConfiguration())
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

  /// The `config.json` of an earlier version, with every setting that it wrote.
  private func config(
    method: String, model: String = "", interventions: String = #""attention": 0.2, "invariance": 0.25, "#
  ) -> String {
    """
    {
      "accumulation": 1, "batchSize": 16, "clip": "tiny", "confounders": 0, "data": "rendered", "device": "cpu",
      "augmentation": {
        "colour": 0.25, "fixed": 2, "flips": true, "rotation": 45, "saturation": 0.35, "scale": 1.3, "shift": 0.1,
        "tint": 0.1
      },
      "epochs": 8, "holdOut": "site-c", "imageSize": 128, "interventionStart": 0.3, "lesionClass": "",
      "interventions": { \(interventions)"count": 2, "segmentation": 1, "share": 0.5, "variants": 3 },
      "maxPixels": 100000000,
      "model": {
        "dense": "sclip",
        "head": { "detailStride": 1, "detailWidths": [], "gridWidth": 48, "towerLayers": [] },
        "intervention": {
          "adjustment": "prior", "depth": 2, "dictionary": "words", "evidence": 0, "heads": 4,
          "outputScale": 0.1, "prior": "estimated", "width": 0
        },
        "method": "\(method)", \(model)
        "region": {
          "fill": "zeros", "fraction": 0.25, "score": "less-normal", "selection": "soft", "temperature": 0.01
        }
      },
      "objective": { "causal": 0.25, "contrast": 0.2, "dice": 0.5, "temperature": 0.75 },
      "optimizer": {
        "floor": 0, "gradientClip": 1, "learningRate": 0.002, "towerLearningRate": 1e-05, "warmup": 0.03,
        "weightDecay": 0.01
      },
      "precision": "float32", "seed": 3, "sources": ["site-a", "site-b"], "tune": "last-1",
      "validationShare": 0.15
    }
    """
  }

  /// What that file says of everything but the method.
  private var common: RunConfiguration {
    var wanted = RunConfiguration()
    (wanted.clip, wanted.data, wanted.holdOut) = ("tiny", "rendered", "site-c")
    wanted.augmentation.fixed = 2
    (wanted.epochs, wanted.imageSize, wanted.seed) = (8, 128, 3)
    (wanted.sources, wanted.tune) = (["site-a", "site-b"], .last(1))
    wanted.interventions.count = 2
    (wanted.interventions.share, wanted.interventions.variants) = (0.5, 3)
    wanted.interventions.prior = .estimated
    (wanted.model.dense, wanted.model.head.detailWidths, wanted.model.head.gridWidth) = ("sclip", [], 48)
    wanted.objective.dice = 0.5
    wanted.optimizer.learningRate = 0.002
    // What the file does not name was so then, whatever the default is now.
    wanted.selection = .dice
    return wanted
  }

  @Test("The config.json of an earlier run is read as it was trained, whatever its method")
  func runs() throws {
    var wanted = common
    wanted.mcdrl.start = 0.3
    (wanted.mcdrl.causal, wanted.mcdrl.contrast, wanted.mcdrl.temperature) = (0.25, 0.2, 0.75)
    (wanted.mcdrl.invariance, wanted.mcdrl.attention) = (0.25, 0.2)
    wanted.mcdrl.region?.fill = .zeros
    wanted.mcdrl.region?.fraction = 0.25
    wanted.mcdrl.region?.selection = .soft
    wanted.mcdrl.intervention?.adjustment = .prior
    wanted.mcdrl.intervention?.depth = 2
    let options = #""options": {}, "#
    #expect(try run(config(method: "mcdrl", model: options)) == wanted)
    let whole = wanted
    wanted.mcdrl.region = nil
    #expect(try run(config(method: "no-mtrs", model: options)) == wanted)
    wanted = whole
    wanted.mcdrl.intervention = nil
    #expect(try run(config(method: "no-cdrl", model: options)) == wanted)

    wanted = common
    wanted.model.method = .baseline
    #expect(try run(config(method: "baseline", model: options)) == wanted)
    wanted.model.method = MethodChoice(CORAL.self).changing(CORAL.self) {
      $0.weight = 2
      $0.pooled = true
    }
    #expect(try run(config(method: "coral", model: #""options": {"pooled": 1, "weight": 2}, "#)) == wanted)
  }

  @Test("A run that says nothing of what there was not is read as it was trained")
  func older() throws {
    let old = try run(
      #"{"epochs": 9, "model": {"method": "mcdrl", "region": {"fraction": 0.25, "subtractsNormal": false}}}"#)
    #expect(old.epochs == 9 && old.mcdrl.region?.fraction == 0.25 && old.mcdrl.region?.score == .max)
    #expect(old.interventions.share == 0 && old.mcdrl.region?.selection == .hard)
    let subtracting = try run(#"{"model": {"region": {"subtractsNormal": true}}}"#)
    #expect(subtracting.mcdrl.region?.score == .lessNormal)
    let typo = message { _ = try run(#"{"model": {"region": {"subtractNormal": true}}}"#) }
    #expect(typo.contains("region.subtractNormal") && typo.contains("config.json"), "\(typo)")
  }

  @Test("What this version writes is read as it stands, and holds no earlier name")
  func present() throws {
    var new = common
    new.mcdrl.region?.score = .softmax
    new.mcdrl.intervention = nil
    let folder = try TemporaryFolder("earlier")
    let run = RunFolder(folder.url)
    try run.write(new, to: run.configurationFile)
    #expect(try run.configuration() == new)
    let names = try JSONValue(encoding: new).leaves.keys
    #expect(names.allSatisfy { RunConfiguration.presentName($0) == $0 })
  }
}

extension TrainingRuns {
  @Suite("Tensors of earlier versions")
  struct EarlierTensorTests {
    /// The keys that an earlier version stored a tensor of a run under.
    private static func earlier(_ key: String) -> String {
      for (present, earlier) in [
        ("model.method.intervention.", "model.intervention."), ("model.method.fill", "model.fill"),
        ("model.dictionary.constant", "model.constant"), ("model.dictionary.prior", "prior"),
      ] where key.hasPrefix(present) { return earlier + key.dropFirst(present.count) }
      return key
    }

    private func rename(_ file: URL, _ name: (String) -> String) throws -> [String] {
      let stored = try SafetensorsFile(file)
      let tensors = try stored.tensors().map { (name($0.key), try $0.value.copy()) }
      try SafetensorsFile.write(
        Dictionary(uniqueKeysWithValues: tensors), metadata: stored.metadata, to: file)
      return tensors.map(\.0)
    }

    private func tiny(_ dictionary: DictionaryKind) throws -> TinyRun {
      let tiny = try TinyRun(epochs: 2)
      tiny.configuration.mcdrl.start = 0
      tiny.configuration.mcdrl.region?.fill = .learned
      tiny.configuration.interventions.prior = .estimated
      if dictionary == .constant { tiny.configuration.mcdrl.intervention?.dictionary = .constant }
      return tiny
    }

    enum DictionaryKind: CaseIterable { case words, constant }

    @Test("Weights under earlier keys give the same outputs", arguments: DictionaryKind.allCases)
    func weights(dictionary: DictionaryKind) throws {
      let tiny = try tiny(dictionary)
      try tiny.trainer().trainer.train()
      let images = try tiny.strangers()
      let wanted = try tiny.trained()
      let keys = try rename(tiny.run.weightsFile, Self.earlier)
      #expect(keys.contains("prior") && keys.contains("model.fill"))
      #expect(keys.contains("model.constant") == (dictionary == .constant))
      #expect(
        keys.contains { $0.hasPrefix("model.intervention.") }
          && !keys.contains { $0.hasPrefix("model.method") })
      for lazily in [false, true] {
        let found = try tiny.trained(lazily: lazily)
        let gap = try difference(found.probabilities(images), wanted.probabilities(images))
        // What stays in the file lies otherwise in memory there, which rounds products by a bit.
        #expect(lazily ? gap < 1e-6 : gap == 0, "\(gap)")
        #expect(try found.model.dictionary.prior.isEqual(to: wanted.model.dictionary.prior))
      }
    }

    @Test("A baseline under earlier keys gives the same outputs")
    func baseline() throws {
      let tiny = try TinyRun(method: .baseline, epochs: 1)
      try tiny.trainer().trainer.train()
      let images = try tiny.strangers()
      let wanted = try tiny.trained().probabilities(images)
      #expect(try rename(tiny.run.weightsFile, Self.earlier).contains("prior"))
      #expect(try tiny.trained().probabilities(images).isEqual(to: wanted))
    }

    @Test("A state under earlier keys is resumed to the same end", arguments: DictionaryKind.allCases)
    func state(dictionary: DictionaryKind) throws {
      let (whole, parts) = (try tiny(dictionary), try tiny(dictionary))
      try whole.trainer().trainer.train()
      #expect(throws: TrainingError.interrupted(epoch: 2, step: 1)) { try parts.train(stopAfter: 4) }
      let keys = try rename(parts.run.stateFile) { key in
        for part in ["weights.", "optimizer."] where key.hasPrefix(part) {
          return part + Self.earlier(String(key.dropFirst(part.count)))
        }
        return key
      }
      #expect(keys.contains("weights.prior") && keys.contains("weights.model.fill"))
      #expect(keys.contains("optimizer.model.fill.exp_avg"))
      #expect(!keys.contains { $0.contains("model.method") })
      _ = try rename(parts.run.weightsFile, Self.earlier)
      try parts.trainer(resuming: true).trainer.train()
      #expect(try whole.stateTensors() == parts.stateTensors())
      #expect(try whole.metrics() == parts.metrics())
    }
  }
}
