import Foundation
import Segmentation
import Storage
import TestSupport
import Testing

@testable import Studies
@testable import Training

/// A method that a program defines.
private final class Own: SegmentationMethod, ConfigurableMethod {
  static let name = "own"
  static let summary = "one of a program's own"
  struct Options: MethodOptions { var weight = 1.0 }

  init(_ options: Options, _ context: MethodContext) throws { super.init() }
}

@Suite("Arms and their settings")
struct ArmTests {
  private static let methods = MethodRegistry.builtIn.adding(Own.self)

  /// Every arm that this package knows, each once.
  private static let known: [ArmDefinition] = {
    let all = ArmDefinition.known(methods) + ((try? Ablation.allCases.flatMap { try $0.arms() }) ?? [])
    var names = Set<String>()
    return all.filter { names.insert($0.name).inserted }
  }()

  /// Common settings with other methods, parts and numbers than the defaults.
  private static let commons: [(name: String, change: @Sendable (inout RunConfiguration) -> Void)] = [
    ("the defaults", { _ in }),
    ("the baseline", { $0.model.method = .baseline }),
    ("without regions", { $0.mcdrlOptions.region = nil }),
    ("without an intervention", { $0.mcdrlOptions.intervention = nil }),
    (
      "a peer with options",
      { $0.model.method = MethodChoice(CORAL.self).changing(CORAL.self) { $0.pooled = true } }
    ),
    ("a program's own", { $0.model.method = MethodChoice(Own.self) }),
    (
      "other numbers",
      {
        ($0.mcdrlOptions.start, $0.mcdrlOptions.causal) = (0.35, 0.75)
        $0.mcdrlOptions.region?.fraction = 0.125
        $0.mcdrlOptions.intervention?.width = 8
        $0.mcdrlOptions.intervention?.dictionary = .random
        ($0.confounders, $0.tune, $0.epochs) = (7, .last(2), 13)
        ($0.interventions.share, $0.optimizer.learningRate) = (0.5, 1e-7)
        ($0.objective.dice, $0.model.dense) = (1 / 3.0, "sclip")
      }
    ),
  ]

  @Test(
    "The difference that an arm resolves to gives the changed settings, for every arm",
    arguments: commons.indices)
  func resolved(index: Int) throws {
    var common = RunConfiguration(methods: Self.methods)
    Self.commons[index].change(&common)
    try #require(Self.known.count > 45)
    for definition in Self.known {
      var changed = common
      do { try definition.apply(to: &changed) } catch {
        // Arms that change options of MCDRL need it as the common settings' method.
        let chosen = common.model.method.name
        #expect(
          chosen != MCDRL.name && error as? SettingsError == .otherMethod(chosen: chosen, wanted: MCDRL.name))
        continue
      }
      let arm = try definition.resolved(over: common)
      let applied = try arm.applied(to: common)
      #expect(applied == changed, "\(definition.name) over \(Self.commons[index].name)")
      #expect(applied.model.method == changed.model.method)
      // A share that equals the method's own is stated all the same.
      let others = arm.settings.keys.filter { $0 != "interventions.share" }
      #expect(changed == common ? others.isEmpty : !arm.settings.isEmpty)
      // So it is after a plan was written and read.
      let stored = try JSONDecoder().decode(Arm.self, from: JSONEncoder().encode(arm))
      #expect(stored == arm)
    }
  }

  @Test("A plan with a method of a program's own is written and read with its registry")
  func registry() throws {
    var common = RunConfiguration(methods: Self.methods)
    common.epochs = 3
    let plan = try StudyPlan(
      study: "loso", configuration: common,
      arms: [.baseline, ArmDefinition(parsing: "own:model.options.weight=2", methods: Self.methods)],
      seeds: [1])
    try plan.validate()
    let decoder = JSONDecoder()
    if let key = MethodRegistry.userInfoKey { decoder.userInfo[key] = Self.methods }
    let read = try decoder.decode(StudyPlan.self, from: JSONEncoder().encode(plan))
    #expect(read == plan)
    try read.validate()
    #expect(try read.settings(read.arms[1], []).model.method.options(of: Own.self)?.weight == 2)
    var own = plan
    own.configuration.model.method = MethodChoice(Own.self)
    let data = try JSONEncoder().encode(own)
    #expect(
      try decoder.decode(StudyPlan.self, from: data).configuration.model.method == MethodChoice(Own.self))
    #expect(
      message { _ = try JSONDecoder().decode(StudyPlan.self, from: data) }.contains("\"own\" is not known"))
  }

  @Test("An arm with an option of another method is refused by name; an option that it reads is not")
  func strangers() throws {
    func resolve(_ text: String, _ common: RunConfiguration = RunConfiguration.ofMCDRL) throws -> Arm {
      try ArmDefinition(parsing: text).resolved(over: common)
    }
    for text in [
      "baseline:model.options.causal=0.1", "mine:model.options.pooled=true", "coral:interventionStart=1",
    ] {
      let refused = message { _ = try resolve(text) }
      #expect(refused.hasPrefix(text.prefix { $0 != ":" } + ":"), "\(refused)")
      #expect(refused.contains("an option of another method"), "\(refused)")
    }
    #expect(
      try resolve("mine:model.method=coral,model.options.pooled=true").settings["model.options.pooled"]
        == .bool(true))
    #expect(try resolve("coral:model.options.pooled=true").settings["model.options.pooled"] == .bool(true))
  }

  @Test("A plan names the options that no arm reads, and those to choose that some arm does not read")
  func unread() throws {
    var common = RunConfiguration.ofMCDRL
    func plan(_ arms: [ArmDefinition], _ choices: [String] = []) throws -> [String] {
      var plan = try StudyPlan(study: "loso", configuration: common, arms: arms, seeds: [0])
      plan.choices = try choices.map(Choice.init(parsing:))
      return try plan.unreadOptions().map { "\($0.option): \($0.arms.joined(separator: " "))" }
    }
    let coral = ArmDefinition(MethodChoice(CORAL.self))
    #expect(
      try plan([.baseline, .mcdrl], ["model.options.causal=0,1", "epochs=1,2"]) == [
        "model.options.causal: baseline"
      ])
    #expect(try plan([.baseline, coral]) == [])
    try common.set("model.options.causal=0.25")
    #expect(try plan([.baseline, coral]) == ["model.options.causal: baseline coral"])
    #expect(try plan([.baseline, .mcdrl]) == [])
  }

  @Test(
    "Arms of methods without training on interventions drop a common share, and it is not to be chosen for them"
  )
  func share() throws {
    var common = RunConfiguration.ofMCDRL
    func plan(_ arms: [ArmDefinition]) throws -> StudyPlan {
      try StudyPlan(study: "loso", configuration: common, arms: arms, seeds: [0])
    }
    func shares() throws -> [Double] {
      let plan = try plan([.baseline, .mcdrl, .baselineInterventions])
      return try plan.arms.map { try plan.settings($0, []).interventionShare }
    }
    #expect(try shares() == [0, 1, 1])
    common.interventions.share = 0.5
    #expect(try shares() == [0, 0.5, 0.5])
    var choosing = try plan([.baseline, .mcdrl])
    choosing.choices = [try Choice(parsing: "interventions.share=0.5,1")]
    #expect(throws: StudyError.setAndChosen("interventions.share", arm: "baseline")) {
      try choosing.validate()
    }
    #expect(try plan([.mcdrl]).sharedSettings()["interventions.share"] == nil)
  }

  @Test("A plan of an earlier version is read: earlier names, and arms that were lists of assignments")
  func earlier() throws {
    let text = """
      {
        "arms": [
          { "name": "baseline", "settings": ["model.method=baseline", "interventions.share=0"] },
          { "name": "mcdrl", "settings": ["model.method=mcdrl"] },
          { "name": "no-cdrl", "settings": ["model.method=no-cdrl", "interventions.share=0"] },
          { "name": "longer-baseline",
            "settings": ["model.method=baseline", "interventions.share=0", "epochs*=2"] },
          { "name": "depth-5", "settings": ["model.intervention.depth=5"] }
        ],
        "choices": [{ "setting": "interventionStart", "values": ["0", "0.5"] }],
        "configuration": {
          "accumulation": 1, "batchSize": 8, "clip": "tiny", "confounders": 0, "data": "", "device": "cpu",
          "augmentation": {
            "colour": 0.25, "fixed": 2, "flips": true, "rotation": 45, "saturation": 0.35, "scale": 1.3,
            "shift": 0.1, "tint": 0.1
          },
          "epochs": 6, "holdOut": "", "imageSize": 128, "interventionStart": 0.3, "lesionClass": "",
          "interventions": {
            "attention": 0.2, "count": 1, "invariance": 0.25, "segmentation": 1, "share": 1, "variants": 4
          },
          "maxPixels": 100000000,
          "model": {
            "dense": "maskclip",
            "head": { "detailStride": 1, "detailWidths": [], "gridWidth": 48, "towerLayers": [] },
            "intervention": {
              "adjustment": "attention", "depth": 2, "dictionary": "words", "evidence": 0, "heads": 4,
              "outputScale": 0.1, "prior": "uniform", "width": 0
            },
            "method": "mcdrl", "options": {},
            "region": {
              "fill": "features", "fraction": 0.25, "score": "less-normal", "selection": "hard",
              "temperature": 0.01
            }
          },
          "objective": { "causal": 0.25, "contrast": 0.1, "dice": 1, "temperature": 0.5 },
          "optimizer": {
            "floor": 0, "gradientClip": 1, "learningRate": 0.002, "towerLearningRate": 1e-05, "warmup": 0.03,
            "weightDecay": 0.01
          },
          "precision": "float32", "seed": 0, "sources": [], "tune": "none", "validationShare": 0.15
        },
        "seeds": [0, 1], "study": "loso", "threshold": 0.5, "tolerance": 2, "version": "0.1.0"
      }
      """
    let plan = try JSONDecoder().decode(StudyPlan.self, from: Data(text.utf8))
    #expect(plan.study == "loso" && plan.seeds == [0, 1] && plan.version == "0.1.0" && plan.spacing == nil)
    var wanted = RunConfiguration.ofMCDRL
    (wanted.batchSize, wanted.clip, wanted.epochs, wanted.imageSize) = (8, "tiny", 6, 128)
    (wanted.augmentation.fixed, wanted.tune, wanted.optimizer.learningRate) = (2, .none, 0.002)
    (wanted.model.head.detailWidths, wanted.model.head.gridWidth) = ([], 48)
    (wanted.mcdrlOptions.start, wanted.mcdrlOptions.causal) = (0.3, 0.25)
    (wanted.mcdrlOptions.invariance, wanted.mcdrlOptions.attention) = (0.25, 0.2)
    wanted.mcdrlOptions.region?.fraction = 0.25
    wanted.mcdrlOptions.intervention?.depth = 2
    wanted.selection = .dice
    #expect(plan.configuration == wanted)
    try plan.validate()
    let settings = try plan.arms.map { try plan.settings($0, ["interventionStart=0.5"]) }
    #expect(
      settings.map(\.model.method.name) == ["baseline", "mcdrl", "mcdrl", "baseline", "mcdrl"])
    #expect(settings.map(\.epochs) == [6, 6, 6, 12, 6])
    #expect(settings.map(\.interventionShare) == [0, 1, 0, 0, 1])
    #expect(settings.map { $0.model.method.traits.intervenes } == [false, true, false, false, true])
    #expect(settings[4].mcdrlOptions.intervention?.depth == 5 && settings[4].mcdrlOptions.start == 0.5)
    #expect(plan.arms[1].settings.isEmpty, "the common settings are of this method already")
    // What is written now is read to the same.
    #expect(try JSONDecoder().decode(StudyPlan.self, from: JSONEncoder().encode(plan)) == plan)
  }
}
