import Confounders
import Segmentation
import Testing
import TestSupport

@testable import Training

@Suite("Settings without an effect")
struct IneffectiveSettingsTests {
  private func found(
    _ assignments: [String], _ method: MethodChoice = .mcdrl, prompts: String = "endoscopy-21"
  ) throws -> [String] {
    var settings = RunConfiguration()
    settings.model.method = method
    for assignment in assignments { try settings.set(assignment) }
    let words = try PromptSet(contentsOf: Project.file("Prompts/\(prompts).json5"))
    return try settings.ineffectiveInterventions(words).map(\.description)
  }

  @Test("Words that set no confounder are named")
  func styles() throws {
    let missing = try found(["interventions.styles=missing", "interventions.directions=random"])
    #expect(missing.count == 2, "\(missing)")
    #expect(
      missing.contains { $0.hasPrefix("interventions.styles=missing has no effect: every confounder has") })
    #expect(missing.contains { $0.hasSuffix("no confounder acts by its words") }, "\(missing)")
    #expect(
      try found(["interventions.styles=missing", #"interventions.without=["blur"]"#]).isEmpty)
    #expect(
      try found(["interventions.directions=random"])
        == ["interventions.directions=random has no effect: interventions.styles is none"])
    let all = try found(["interventions.styles=all", #"interventions.without=["blur"]"#])
    #expect(all.count == 1, "\(all)")
    #expect(all[0].hasSuffix("interventions.styles is all, so no mechanism is used"), "\(all)")
  }

  @Test("Without interventions their settings are named, and P(z) only if the method does not read it")
  func share() throws {
    let given = [
      "interventions.styles=missing", #"interventions.without=["blur"]"#, "interventions.directions=random",
      "interventions.prior=estimated", "interventions.count=2", "interventions.segmentation=0.5",
      "interventions.variants=2",
    ]
    let baseline = try found(given, .baseline)
    #expect(baseline.count == given.count, "\(baseline)")
    #expect(baseline.allSatisfy { $0.hasSuffix("interventions.share is 0, the default of baseline") })
    let without = try found(given + ["interventions.share=0"])
    #expect(without.count == given.count - 1, "\(without)")
    #expect(without.allSatisfy { $0.hasSuffix("interventions.share is 0") && !$0.contains("prior") })
    #expect(try found([]).isEmpty && found([], .baseline).isEmpty)
    #expect(try found(["interventions.share=0.5", "interventions.prior=estimated"], .baseline).isEmpty)
  }

  @Test("A description that P(z) does not follow, and draws that nothing keeps, are named")
  func priorAndVariants() throws {
    #expect(
      try found(["interventions.description=dye"])
        == ["interventions.description=dye has no effect: interventions.prior is uniform, not described"])
    #expect(
      try found(["interventions.description=dye", "interventions.prior=described"]).isEmpty)
    #expect(try found(["interventions.variants=2"]).count == 1)
    #expect(
      try found(["interventions.variants=2", "tune=none", "augmentation.fixed=1"]).isEmpty)
  }
}
