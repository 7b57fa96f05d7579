import Confounders
import Foundation
import Testing

@testable import Studies
@testable import Training

@Suite("What a study trains")
struct StudyPlanTests {
  private func plan(_ arms: [Arm], seeds: [UInt64] = [0]) -> StudyPlan {
    StudyPlan(study: "loso", configuration: RunConfiguration(), arms: arms, seeds: seeds, version: "test")
  }

  @Test("An arm is a method by name, or a name with settings that may be lists")
  func parsing() throws {
    #expect(try Arm(parsing: "no-cdrl") == Arm(.withoutIntervention))
    let own = try Arm(parsing: "wide:model.head.detailWidths=[16,32],epochs=3")
    #expect(own.name == "wide" && own.settings == ["model.head.detailWidths=[16,32]", "epochs=3"])
    let settings = try own.applied(to: RunConfiguration())
    #expect(settings.model.head.detailWidths == [16, 32] && settings.epochs == 3)
    let method = try Arm(parsing: "baseline:optimizer.learningRate=0.001").applied(to: RunConfiguration())
    #expect(method.model.method == .baseline && method.optimizer.learningRate == 0.001)
    #expect(try Choice(parsing: "model.head.detailWidths=[8,16],[4]").values == ["[8,16]", "[4]"])
    #expect(try Arm(parsing: "common:").applied(to: RunConfiguration()) == RunConfiguration())
  }

  @Test(
    "A name that would leave its folder, or is unknown, is refused",
    arguments: ["../x:", "a/b:", ":", "mcdr", ""])
  func badNames(_ text: String) {
    #expect(throws: ConfigurationError.self) { try Arm(parsing: text) }
  }

  @Test("Choices combine, the last varying fastest, and win over the arm")
  func choices() throws {
    var plan = try plan([Arm("deep", settings: ["model.intervention.depth=5"])])
    plan.choices = try ["epochs=1,2", "batchSize=4,8"].map(Choice.init(parsing:))
    #expect(
      plan.candidates == [
        ["epochs=1", "batchSize=4"], ["epochs=1", "batchSize=8"], ["epochs=2", "batchSize=4"],
        ["epochs=2", "batchSize=8"],
      ])
    let settings = try plan.settings(plan.arms[0], plan.candidates[2])
    #expect(settings.epochs == 2 && settings.batchSize == 4 && settings.model.intervention.depth == 5)
    let fold = FoldResult(
      site: "a", method: "deep", seed: 0, epoch: 1, validationDice: 0.5, seconds: 1, images: [])
    #expect(plan.selection([fold]).contains("epochs, batchSize"))
    #expect(plan.selection([]).contains("last epoch"))
    #expect(throws: ConfigurationError.self) { try Choice(parsing: "epochs=1") }
    #expect(throws: ConfigurationError.self) { try Choice(parsing: "epochs") }
  }

  @Test(
    "Arms or seeds that stand twice, settings that do not exist, and choosing without validation are refused")
  func refused() throws {
    let baseline = Arm(.baseline)
    #expect(throws: ConfigurationError.self) { try plan([]).validate() }
    #expect(throws: ConfigurationError.self) { try plan([baseline], seeds: []).validate() }
    #expect(throws: ConfigurationError.self) { try plan([baseline, baseline]).validate() }
    #expect(throws: ConfigurationError.self) { try plan([baseline], seeds: [1, 1]).validate() }
    #expect(throws: ConfigurationError.self) {
      try plan([Arm("typo", settings: ["model.intervention.dept=5"])]).validate()
    }
    #expect(throws: ConfigurationError.self) { try plan([Arm("none", settings: ["epochs=0"])]).validate() }
    for arms in [["a:seed=3"], ["a:epochs=3", "b:epochs=3"]] {
      #expect(throws: ConfigurationError.self) { try plan(arms.map(Arm.init(parsing:))).validate() }
    }
    var twice = try plan([Arm(parsing: "a:epochs=3")])
    twice.choices = [try Choice(parsing: "epochs=1,2")]
    #expect(throws: ConfigurationError.self) { try twice.validate() }
    #expect(throws: ConfigurationError.self) { try Choice(parsing: "epochs=1,1") }
    var choosing = plan([baseline])
    choosing.choices = [try Choice(parsing: "epochs=1,2")]
    choosing.configuration.validationShare = 0
    #expect(throws: ConfigurationError.self) { try choosing.validate() }
  }

  @Test("Every study of the paper names settings that exist", arguments: Ablation.allCases)
  func ablations(_ study: Ablation) throws {
    let arms = try study.arms()
    try plan(arms).validate()
    let settings = try arms.map { try $0.applied(to: RunConfiguration()) }
    #expect(settings.indices.allSatisfy { first in !settings[..<first].contains(settings[first]) })
  }

  @Test("A smaller dictionary speaks of as many kinds as it can and is part of a larger one")
  func dictionary() throws {
    let folder = TinyRun.root.appendingPathComponent("Prompts")
    let full = try PromptSet(contentsOf: folder.appendingPathComponent("endoscopy-15.json5"))
    let names = try (1...15).map { try Set(full.limited(to: $0).confounders.map(\.name)) }
    #expect(names.enumerated().allSatisfy { $1.count == $0 + 1 })
    #expect(zip(names, names.dropFirst()).allSatisfy { $0.isSubset(of: $1) })
    #expect(try full.limited(to: 5).groups.count == 5)
    let paper = try PromptSet(contentsOf: folder.appendingPathComponent("endoscopy.json5"))
    #expect(try full.limited(to: 12) == paper)
    #expect(try full.limited(to: 0) == full)
    #expect(throws: PromptSizeError.self) { try full.limited(to: 16) }
  }
}
