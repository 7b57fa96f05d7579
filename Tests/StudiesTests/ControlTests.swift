import Segmentation
import Storage
import TestSupport
import Testing

@testable import Studies
@testable import Training

@Suite("Controls and their settings")
struct ControlTests {
  /// The default settings with an arm's laid over them.
  private func settings(
    _ arm: ArmDefinition, over common: RunConfiguration = RunConfiguration()
  ) throws -> RunConfiguration {
    try arm.resolved(over: common).applied(to: common)
  }

  @Test("Every control is an arm that differs from all others and from the methods")
  func arms() throws {
    let arms = try Control.allCases.map { try ArmDefinition(parsing: $0.rawValue) }
    let plan = try StudyPlan(
      study: "loso", configuration: RunConfiguration(), arms: arms + [.mcdrl, .baseline], seeds: [0])
    try plan.validate()
    let baseline = try settings(.baseline)
    #expect(baseline.interventionShare == 0)
    #expect(try settings(ArmDefinition.baselineInterventions).interventionShare == 1)
    #expect(try settings(Control.longerBaseline.arm).epochs == 2 * baseline.epochs)
    let longer = try Control.longerBaseline.arm.resolved(over: RunConfiguration())
    #expect(longer.settings.keys.contains("epochs"))
    let oracle = try settings(Control.unconfounded.arm)
    #expect(oracle.scenes == .unlinked && oracle.interventionShare == 0)
    #expect(try settings(Control.unconfoundedInterventions.arm).interventionShare == 1)
    #expect(try !Ablation.controls.arms().contains { $0.name == "unconfounded" })
    #expect(Control.longerBaseline.arm.assignments == ["epochs*=2"])
    #expect(
      try ArmDefinition(parsing: "longer-baseline:batchSize*=2").assignments == ["epochs*=2", "batchSize*=2"])
    #expect(Control.paper.arm.assignments.isEmpty)
    let paper = try settings(Control.paper.arm)
    #expect(paper.objective.dice == 0 && paper.optimizer.learningRate == 0.005)
    #expect(paper.mcdrlOptions.region?.score == .max && paper.interventionShare == 0)
    var other = RunConfiguration()
    for setting in [
      "model.intervention.dictionary=random", "model.region.selection=soft", "model.region.fill=zeros",
    ] { try other.set(setting) }
    let fixed = try settings(Control.paper.arm, over: other).mcdrlOptions
    #expect(fixed.intervention?.dictionary == .words)
    #expect(fixed.region?.selection == .hard && fixed.region?.fill == .features)
    // A control with settings of one's own stays that control.
    let own = try settings(ArmDefinition(parsing: "no-dictionary:epochs=3"))
    #expect(own.mcdrlOptions.intervention?.dictionary == .constant && own.epochs == 3)
  }

  @Test("The study of words withholds every mechanism, or those that are named")
  func words() throws {
    let arms = try Ablation.words.arms()
    #expect(arms.map(\.name) == ["no-words", "words", "shuffled-words", "random-directions", "other-images"])
    let all = try arms.map { try settings($0) }
    #expect(all.map(\.interventionShare) == [0, 1, 1, 1, 1])
    #expect(all.map(\.interventions.styles) == [.none, .all, .all, .all, .all])
    #expect(all.map(\.interventions.directions) == [.words, .words, .shuffled, .random, .images])
    var one = RunConfiguration()
    try one.set("interventions.without=[\"blur\"]")
    let rest = try arms.map { try settings($0, over: one) }
    #expect(rest.map(\.interventionShare) == [1, 1, 1, 1, 1])
    #expect(rest.map(\.interventions.styles) == [.none, .missing, .missing, .missing, .missing])
    #expect(rest.allSatisfy { $0.interventions.without == ["blur"] && $0.model.method.name == "baseline" })
  }

  @Test("Where validation chooses a setting, controls that fix it are left out and all others remain")
  func choosing() throws {
    func left(_ choice: String, _ study: Ablation = .controls) throws -> [String] {
      let choices = [try Choice(parsing: choice)]
      let (kept, leftOut) = try study.arms(choosing: choices)
      #expect(try kept.map(\.name) == study.arms().map(\.name).filter { !leftOut.map(\.name).contains($0) })
      var plan = try StudyPlan(study: "ablate", configuration: RunConfiguration(), arms: kept, seeds: [0])
      plan.choices = choices
      try plan.validate()
      return leftOut.map(\.name)
    }
    #expect(try left("optimizer.learningRate=0.001,0.003") == ["paper"])
    #expect(try left("epochs=10,20") == ["longer-baseline"])
    #expect(try left("batchSize=8,16") == [])
    #expect(try left("optimizer.learningRate=0.001,0.003", .modules) == [])
  }
}
