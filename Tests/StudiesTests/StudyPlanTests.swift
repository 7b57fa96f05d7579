import Confounders
import Foundation
import Storage
import Testing
import TestSupport

@testable import Studies
@testable import Training

@Suite("What a study trains")
struct StudyPlanTests {
  private func plan(
    _ arms: [ArmDefinition], seeds: [UInt64] = [0], _ common: RunConfiguration = RunConfiguration.ofMCDRL
  ) throws -> StudyPlan {
    try StudyPlan(study: "loso", configuration: common, arms: arms, seeds: seeds)
  }

  /// An arm of the command line over the default settings.
  private func arm(_ text: String) throws -> Arm {
    try ArmDefinition(parsing: text).resolved(over: RunConfiguration.ofMCDRL)
  }

  @Test("An arm is a method by name, or a name with settings that may be lists")
  func parsing() throws {
    #expect(try arm("no-cdrl") == Control.withoutIntervention.arm.resolved(over: RunConfiguration.ofMCDRL))
    let own = try arm("wide:model.head.detailWidths=[16,32],epochs=3")
    #expect(
      own.name == "wide"
        && own.settings == [
          "model.head.detailWidths": .array([.integer(16), .integer(32)]), "epochs": .integer(3),
        ])
    let settings = try own.applied(to: RunConfiguration.ofMCDRL)
    #expect(settings.model.head.detailWidths == [16, 32] && settings.epochs == 3)
    let method = try arm("baseline:optimizer.learningRate=0.001").applied(to: RunConfiguration.ofMCDRL)
    #expect(method.model.method == .baseline && method.optimizer.learningRate == 0.001)
    #expect(try Choice(parsing: "model.head.detailWidths=[8,16],[4]").values == ["[8,16]", "[4]"])
    #expect(try arm("common:").applied(to: RunConfiguration.ofMCDRL) == RunConfiguration.ofMCDRL)
  }

  @Test(
    "A name that would leave its folder, or is unknown, is refused",
    arguments: ["../x:", "a/b:", ":", "mcdr", ""])
  func badNames(_ text: String) {
    #expect(throws: StudyError.self) { try ArmDefinition(parsing: text) }
    if text == "mcdr" {
      #expect(message { _ = try ArmDefinition(parsing: text) }.contains("did you mean \"mcdrl\"?"))
    }
  }

  @Test("Choices combine, the last varying fastest, and win over the arm")
  func choices() throws {
    var plan = try plan([ArmDefinition(parsing: "deep:model.intervention.depth=5")])
    plan.choices = try ["epochs=1,2", "batchSize=4,8"].map(Choice.init(parsing:))
    #expect(
      plan.candidates == [
        ["epochs=1", "batchSize=4"], ["epochs=1", "batchSize=8"], ["epochs=2", "batchSize=4"],
        ["epochs=2", "batchSize=8"],
      ])
    let settings = try plan.settings(plan.arms[0], plan.candidates[2])
    #expect(settings.epochs == 2 && settings.batchSize == 4 && settings.mcdrlOptions.intervention?.depth == 5)
    let fold = FoldResult(
      site: "a", method: "deep", seed: 0, epoch: 1, validationDice: 0.5, validationScore: 0.4, seconds: 1,
      images: [])
    #expect(plan.selection([fold]).contains("epochs, batchSize"))
    #expect(plan.selection([]).contains("last epoch"))
    #expect(throws: StudyError.choice("epochs=1")) { try Choice(parsing: "epochs=1") }
    #expect(throws: StudyError.choice("epochs")) { try Choice(parsing: "epochs") }
  }

  @Test(
    "Arms or seeds that stand twice, settings that do not exist, and choosing without validation are refused")
  func refused() throws {
    let baseline = ArmDefinition.baseline
    func arms(_ texts: String...) throws -> [ArmDefinition] {
      try texts.map { try ArmDefinition(parsing: $0) }
    }
    #expect(throws: StudyError.empty) { try plan([]).validate() }
    #expect(throws: StudyError.empty) { try plan([baseline], seeds: []).validate() }
    #expect(throws: StudyError.twice(kind: "method", "baseline")) {
      try plan([baseline, baseline]).validate()
    }
    #expect(throws: StudyError.twice(kind: "seed", "1")) { try plan([baseline], seeds: [1, 1]).validate() }
    let typo = message { _ = try plan(arms("typo:model.intervention.dept=5")) }
    #expect(typo.contains("intervention.dept") && typo.contains("typo:"), "\(typo)")
    #expect(throws: SettingsError.outOfRange("epochs", value: "0", wanted: "from 1 to 1000000")) {
      try plan(arms("none:epochs=0")).validate()
    }
    #expect(throws: StudyError.ownOfFold("seed")) { try plan(arms("a:seed=3")).validate() }
    #expect(throws: StudyError.sameArms("a", "b")) { try plan(arms("a:epochs=3", "b:epochs=3")).validate() }
    var twice = try plan(arms("a:epochs=3"))
    twice.choices = [try Choice(parsing: "epochs=1,2")]
    #expect(throws: StudyError.setAndChosen("epochs", arm: "a")) { try twice.validate() }
    twice.choices = [try Choice(parsing: "batchSize=1,2"), try Choice(parsing: "batchSize=3,4")]
    #expect(throws: StudyError.choiceTwice("batchSize")) { try twice.validate() }
    // A setting is the same under the name that it had earlier.
    twice = try plan(arms("a:interventionStart=0.5"))
    twice.choices = [try Choice(parsing: "model.options.start=0,1")]
    #expect(throws: StudyError.setAndChosen("model.options.start", arm: "a")) { try twice.validate() }
    twice.choices = [try Choice(parsing: "interventionStart=0,1")]
    #expect(throws: StudyError.setAndChosen("model.options.start", arm: "a")) { try twice.validate() }
    #expect(throws: StudyError.choice("epochs=1,1")) { try Choice(parsing: "epochs=1,1") }
    var choosing = try plan([baseline])
    choosing.choices = [try Choice(parsing: "epochs=1,2")]
    choosing.configuration.validationShare = 0
    #expect(throws: StudyError.noValidation(arm: "baseline")) { try choosing.validate() }
  }

  @Test(
    "A setting that the scores that choose do not see cannot be chosen",
    arguments: [
      ("inference.threshold=0.5,dice", false, false), ("inference.scales=[1],[1,1.5]", false, false),
      ("inference.flips=true,false", false, true), ("inference.turns=true,false", false, true),
      ("averaging=0.9,\"swad\"", true, true), ("inference={threshold:0.5},{threshold:'dice'}", false, false),
    ])
  func unseenChoices(_ text: String, byValidation: Bool, byInnerFolds: Bool) throws {
    var plan = try plan([.baseline])
    plan.choices = [try Choice(parsing: text)]
    for (selection, isSeen) in [(CandidateSelection.validation, byValidation), (.loso, byInnerFolds)] {
      plan.selection = selection
      let refusal = message { try plan.validate() }
      #expect(isSeen ? refusal.isEmpty : refusal.contains(plan.choices[0].setting), "\(refusal)")
    }
  }

  @Test("A setting without an effect is named if no arm reads it")
  func ineffective() throws {
    var settings = RunConfiguration.ofMCDRL
    settings.interventions.directions = .random
    settings.interventions.count = 2
    let words = try PromptSet(contentsOf: Project.file("Prompts/endoscopy.json5"))
    func names(_ arms: [ArmDefinition]) throws -> [String] {
      try StudyPlan(study: "loso", configuration: settings, arms: arms, seeds: [0])
        .ineffectiveInterventions(words).map(\.name)
    }
    #expect(try names([.baseline]) == ["interventions.count", "interventions.directions"])
    #expect(try names([.baseline, .mcdrl]) == ["interventions.directions"])
    #expect(try names([.mcdrl, ArmDefinition(parsing: "a:interventions.styles=all")]).isEmpty)
  }

  @Test("The rule of the weights names each way of averaging once")
  func weightsRule() throws {
    let fold = FoldResult(
      site: "a", method: "deep", seed: 0, epoch: 1, validationDice: 0.5, validationScore: 0.4, seconds: 1,
      images: [])
    let arms = try ["a:averaging=0.9", "b:averaging=0.8", "c:averaging=swad"].map {
      try ArmDefinition(parsing: $0)
    }
    let rule = try plan(arms).selection([fold])
    #expect(rule.contains("for other methods the mean of the weights") && rule.contains("SWAD"), "\(rule)")
    #expect(rule.components(separatedBy: "the epoch of the").count == 2, "\(rule)")
  }

  @Test("Every study of the paper names settings that exist", arguments: Ablation.allCases)
  func ablations(_ study: Ablation) throws {
    let arms = try study.arms()
    try plan(arms).validate()
    let settings = try arms.map {
      try $0.resolved(over: RunConfiguration.ofMCDRL).applied(to: RunConfiguration.ofMCDRL)
    }
    #expect(settings.indices.allSatisfy { first in !settings[..<first].contains(settings[first]) })
  }

  @Test("A smaller dictionary speaks of as many kinds as it can and is part of a larger one")
  func dictionary() throws {
    let folder = Project.file("Prompts")
    let full = try PromptSet(contentsOf: folder.appendingPathComponent("endoscopy-15.json5"))
    let names = try (1...15).map { try Set(full.limited(to: $0).confounders.map(\.name)) }
    #expect(names.enumerated().allSatisfy { $1.count == $0 + 1 })
    #expect(zip(names, names.dropFirst()).allSatisfy { $0.isSubset(of: $1) })
    #expect(try full.limited(to: 5).groups.count == 5)
    let paper = try PromptSet(contentsOf: folder.appendingPathComponent("endoscopy.json5"))
    #expect(try full.limited(to: 12) == paper)
    #expect(try full.limited(to: nil) == full)
    #expect(throws: PromptSizeError.self) { try full.limited(to: 16) }
  }
}
