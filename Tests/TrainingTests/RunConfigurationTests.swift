import Foundation
import Storage
import TestSupport
import Testing

@testable import Training

@Suite("Run configuration")
struct RunConfigurationTests {
  @Test("The default method is the baseline shown interventions; stored settings without one mean MCDRL")
  func method() throws {
    let configuration = RunConfiguration()
    #expect(configuration.model.method.name == "baseline-interventions")
    #expect(configuration.interventionShare == 1)
    #expect(!configuration.model.method.traits.readsWords)
    let stored = try RunConfiguration(stored: .object([:]), methods: .builtIn, source: "test")
    #expect(stored.model.method.name == "mcdrl")
  }

  @Test("A dotted name changes one nested setting and nothing else")
  func nested() throws {
    var changed = RunConfiguration.ofMCDRL
    try changed.set("optimizer.learningRate=0.25")
    try changed.set("model.head.detailWidths=[8, 16]")
    var expected = RunConfiguration.ofMCDRL
    expected.optimizer.learningRate = 0.25
    expected.model.head.detailWidths = [8, 16]
    #expect(changed == expected)
  }

  @Test("Words need no quotes; numbers, lists and true are read as such")
  func kinds() throws {
    var configuration = RunConfiguration.ofMCDRL
    try configuration.set("tune=last-2")
    try configuration.set("precision=bfloat16")
    try configuration.set("augmentation.flips=false")
    try configuration.set("sources=['a', \"b\"]")
    try configuration.set("data=/a=b")
    #expect(configuration.tune == .last(2) && configuration.precision == .bfloat16)
    #expect(!configuration.augmentation.flips && configuration.sources == ["a", "b"])
    #expect(configuration.data == "/a=b")
  }

  @Test("An unknown name is answered with the known ones and changes nothing")
  func unknown() throws {
    var configuration = RunConfiguration.ofMCDRL
    let top = message { try configuration.set("epoch=3") }
    #expect(top.hasPrefix("epoch=3: ") && top.contains("\"epoch\"") && top.contains("epochs"))
    let nested = message { try configuration.set("optimizer.rate=3") }
    #expect(nested.contains("\"rate\"") && nested.contains("learningRate"))
    let group = message { try configuration.set("optimizer=3") }
    #expect(group.contains("learningRate"))
    #expect(configuration == RunConfiguration.ofMCDRL)
  }

  @Test(
    "A value of the wrong type is refused",
    arguments: ["epochs=many", "epochs=1.5", "epochs=", "seed=-1", "tune=last-0", "augmentation.flips=1x"])
  func wrongType(_ assignment: String) throws {
    var configuration = RunConfiguration.ofMCDRL
    let text = message { try configuration.set(assignment) }
    #expect(text.hasPrefix("\(assignment): "), "\(text)")
    #expect(configuration == RunConfiguration.ofMCDRL)
  }

  @Test(
    "A name that a setting does not know is answered with those that it knows",
    arguments: [
      ("framing=veiw", "squash, letterbox, view"),
      ("interventions.styles=mising", "none, missing, all (did you mean \"missing\"?)"),
      ("interventions.prior=heldout", "uniform, estimated, described, held-out"),
      ("interventions.directions=none", "words, shuffled, random, images"),
      ("scenes=all", "observed, unlinked"),
      ("precision=double", "float32, bfloat16, int8"), ("selection=best", "marked-dice, dice"),
      ("sampling=site", "images, sites"), ("statistics=mean", "pretrained, batch"),
      ("model.options.intervention.adjustment=x", "attention"), ("model.head.skips=x", "levels"),
    ])
  func unknownNames(_ assignment: String, _ names: String) throws {
    var configuration = RunConfiguration.ofMCDRL
    let text = message { try configuration.set(assignment) }
    let parts = assignment.split(separator: "=")
    #expect(text.contains("\"\(parts[1])\" is not one of ") && text.contains(names), "\(text)")
    #expect(text.hasSuffix(" in \(parts[0])") || parts[0].hasPrefix("model."), "\(text)")
    #expect(configuration == RunConfiguration.ofMCDRL)
  }

  @Test("A value in the place of a list is answered with the list")
  func listAdvice() throws {
    var configuration = RunConfiguration.ofMCDRL
    let blur = message { try configuration.set("interventions.without=blur") }
    #expect(blur.hasSuffix(#"; write a list, such as ["blur"]"#), "\(blur)")
    let widths = message { try configuration.set("model.head.detailWidths=8") }
    #expect(widths.hasSuffix("; write a list, such as [8]"), "\(widths)")
    configuration = RunConfiguration.ofMCDRL
    let options = message {
      try configuration.set("model.method=unet")
      try configuration.set("model.options.widths=8")
    }
    #expect(options.hasSuffix("; write a list, such as [8]"), "\(options)")
    let scales = message {
      (configuration.imageSize, configuration.inference.scales) = (64, [1, 1.25, 1.5])
      try configuration.validate()
    }
    #expect(scales.contains("or a larger imageSize"), "\(scales)")
  }

  @Test("Without a key or an equals sign it says how to write it", arguments: ["epochs", "=3", ""])
  func malformed(_ assignment: String) throws {
    var configuration = RunConfiguration.ofMCDRL
    let text = message { try configuration.set(assignment) }
    #expect(text.contains("write key=value") || text.contains("name is missing"), "\(text)")
    #expect(message { try configuration.set(assignment, source: "arm:") }.hasPrefix("arm: \(assignment): "))
  }

  @Test("A fault of a settings file names the file, the line and the column")
  func faultOfAFile() throws {
    let file = FileManager.default.temporaryDirectory.appendingPathComponent("\(UUID().uuidString).json5")
    defer { try? FileManager.default.removeItem(at: file) }
    for (text, part) in [("{\n  epochs: 3,\n  epochs: 4 }", "line 3, column 3"), ("[1]", "one JSON5 object")]
    {
      try Data(text.utf8).write(to: file)
      let error = #expect(throws: (any Error).self) {
        var configuration = RunConfiguration.ofMCDRL
        try configuration.merge(contentsOf: file)
      }
      let message = error.map { "\($0)" } ?? ""
      #expect(message.contains(file.path) && message.contains(part), "\(message)")
    }
  }

  @Test("A JSON5 file is laid over the settings; only what it names changes")
  func merge() throws {
    let file = FileManager.default.temporaryDirectory.appendingPathComponent("\(UUID().uuidString).json5")
    defer { try? FileManager.default.removeItem(at: file) }
    func merged(_ text: String) throws -> RunConfiguration {
      try Data(text.utf8).write(to: file)
      var configuration = RunConfiguration.ofMCDRL
      configuration.batchSize = 5
      try configuration.merge(contentsOf: file)
      return configuration
    }
    let configuration = try merged("{ epochs: 9, optimizer: { warmup: 0.5, }, /* ours */ }")
    #expect(configuration.epochs == 9 && configuration.batchSize == 5)
    #expect(configuration.optimizer.warmup == 0.5)
    #expect(configuration.optimizer.learningRate == RunConfiguration.ofMCDRL.optimizer.learningRate)
    for bad in ["{ epoch: 9 }", "{ epochs: 'nine' }", "[1]", "{ epochs: ", ""] {
      #expect(message { _ = try merged(bad) }.hasPrefix(file.path), "\(bad)")
    }
    try FileManager.default.removeItem(at: file)
    var missing = RunConfiguration.ofMCDRL
    #expect(message { try missing.merge(contentsOf: file) }.hasPrefix(file.path))
  }

  @Test(
    "Shipped settings files fit",
    arguments: [
      "polypgen-scratch", "polypgen-tiny", "polypgen-tiny-interventions", "hospital", "hospital-gpu",
      "paper-vit-l14", "paper-vit-b16", "paper-rn50",
    ])
  func shipped(_ name: String) throws {
    var configuration = RunConfiguration.ofMCDRL
    try configuration.merge(contentsOf: Project.file("Configurations/\(name).json5"))
    try configuration.validate()
    #expect(configuration != RunConfiguration.ofMCDRL)
  }

  @Test(
    "Values that no run can use are refused by name",
    arguments: [
      "epochs=0", "batchSize=0", "accumulation=0", "imageSize=8", "validationShare=1",
      "interventionStart=1.5", "optimizer.learningRate=0", "optimizer.gradientClip=0",
      "augmentation.scale=0.5", "interventions.segmentation=-1", "interventions.invariance=-0.1",
      "interventions.attention=-1", "model.intervention.evidence=-1", "confounders=-1",
      "interventions.share=1.1", "interventions.variants=0", "interventions.count=0", "augmentation.fixed=-1",
      "model.options.region.fraction=0", "model.options.region.temperature=0", "model.options.temperature=0",
      "model.options.intervention.depth=0", "model.options.intervention.heads=0",
      "model.options.intervention.width=-1", "precision=int8", "inference.scales=[1, 1.01]",
    ])
  func validate(_ assignment: String) throws {
    var configuration = RunConfiguration.ofMCDRL
    try configuration.validate()
    try configuration.set(assignment)
    let key = RunConfiguration.presentName(String(assignment.prefix { $0 != "=" }))
    #expect(message { try configuration.validate() }.contains(key))
  }

  @Test("Weights that are no numbers are refused, too")
  func notNumbers() throws {
    let weights: [(String, (inout RunConfiguration, Double) -> Void)] = [
      ("interventions.segmentation", { $0.interventions.segmentation = $1 }),
      ("model.options.invariance", { $0.mcdrlOptions.invariance = $1 }),
      ("model.options.attention", { $0.mcdrlOptions.attention = $1 }),
      ("model.options.causal", { $0.mcdrlOptions.causal = $1 }),
      ("model.options.contrast", { $0.mcdrlOptions.contrast = $1 }),
      ("model.options.temperature", { $0.mcdrlOptions.temperature = $1 }),
      ("model.options.start", { $0.mcdrlOptions.start = $1 }),
      ("model.options.intervention.evidence", { $0.mcdrlOptions.intervention?.evidence = $1 }),
    ]
    for (name, set) in weights {
      for value in [Double.nan, .infinity] {
        var configuration = RunConfiguration.ofMCDRL
        set(&configuration, value)
        #expect(message { try configuration.validate() }.contains(name))
      }
    }
  }

  @Test("Settings survive being written and read")
  func roundTrip() throws {
    var configuration = RunConfiguration.ofMCDRL
    configuration.tune = .last(3)
    configuration.seed = .max
    let data = try JSONEncoder().encode(configuration)
    #expect(try JSONDecoder().decode(RunConfiguration.self, from: data) == configuration)
  }

  @Test(
    "Multiples are of numbers, and give values that the setting takes",
    arguments: [
      "epochs*=0.33", "sources*=2", "interventions.share*=x", "epochs*=x", "model.dense*=2", "nothing*=2",
      "epochs*=9223372036854775807",
    ])
  func badMultiples(assignment: String) {
    var configuration = RunConfiguration.ofMCDRL
    #expect(throws: SettingsError.self) { try configuration.set(assignment) }
  }

  @Test("Rates are multiplied, too")
  func rates() throws {
    var configuration = RunConfiguration.ofMCDRL
    try configuration.set("optimizer.learningRate*=2")
    #expect(configuration.optimizer.learningRate == 0.01)
    // A value without a fraction is a number like any other.
    try configuration.set("interventions.share=1")
    try configuration.set("interventions.share*=0.5")
    #expect(configuration.interventions.share == 0.5)
    try configuration.set("interventions.share*=2")
    #expect(configuration.interventions.share == 1)
    try configuration.set("epochs*=0.5")
    #expect(configuration.epochs == 25)
    let fraction = message { try configuration.set("epochs*=0.5", source: "--set") }
    #expect(
      fraction == "--set epochs*=0.5: gives 12.5, which this setting cannot take; choose another factor")
    #expect(configuration.epochs == 25)
    // Of a method's own share, too.
    configuration = RunConfiguration.ofMCDRL
    try configuration.set("interventions.share*=0.5")
    #expect(configuration.interventions.share == 0.5)
  }

  @Test("A seed of any size is set, changed beside, written and read", arguments: [UInt64.max, 1 << 63, 7])
  func seeds(seed: UInt64) throws {
    var configuration = RunConfiguration.ofMCDRL
    try configuration.set("seed=\(seed)")
    #expect(configuration.seed == seed)
    try configuration.set("epochs=3")
    #expect(configuration.seed == seed && configuration.epochs == 3)
    let file = FileManager.default.temporaryDirectory.appendingPathComponent("seed-\(UUID().uuidString).json")
    defer { try? FileManager.default.removeItem(at: file) }
    try AtomicFile.write(json: configuration, to: file)
    #expect(try RunConfiguration(ofRun: file, methods: .builtIn).seed == seed)
    #expect(
      message { try configuration.set("seed=18446744073709551616") }.contains("seed=18446744073709551616"))
    #expect(message { try configuration.set("seed=-1") }.contains("seed=-1"))
  }

  @Test("The share of interventions is the method's own, however the method is named, unless it is set")
  func share() throws {
    var configuration = RunConfiguration.ofMCDRL
    #expect(configuration.interventions.share == nil && configuration.interventionShare == 1)
    try configuration.set("model.method=baseline")
    #expect(configuration.interventionShare == 0)
    var stated = configuration
    stated.interventions.share = 0
    #expect(stated == configuration && configuration.resolved.interventions.share == 0)
    try configuration.set("interventions.share=0.5")
    #expect(configuration.interventionShare == 0.5 && configuration != stated)
    try configuration.set("interventions.share=null")
    #expect(configuration.interventionShare == 0)
    try configuration.set("model.method=mcdrl")
    #expect(configuration.interventionShare == 1)
    try configuration.set("model.options.intervention=null")
    #expect(configuration.interventionShare == 0)
  }

  @Test("Options that no method has are refused, and change nothing")
  func options() throws {
    var configuration = RunConfiguration.ofMCDRL
    let text = message { try configuration.set("model.options.rho=0.3") }
    #expect(text.contains("model.options.rho: not known"), "\(text)")
    #expect(configuration == RunConfiguration.ofMCDRL)
  }
}
