import Foundation
import Segmentation
import Storage
import TestSupport
import Testing

@testable import Studies
@testable import Training

/// Configurations/paper-*.json5, by which docs/reproduce.md repeats the paper.
@Suite("The paper's settings")
struct PaperConfigurationTests {
  private static let backbones = ["vit-l14", "vit-b16", "rn50"]

  /// The settings of a file over those of a run (`train`) or of a study (`loso`, `ablate`).
  private func settings(
    _ backbone: String, over start: RunConfiguration = .ofMCDRL
  ) throws -> RunConfiguration {
    var configuration = start
    let ignored = try configuration.merge(
      contentsOf: Project.file("Configurations/paper-\(backbone).json5"))
    #expect(ignored.isEmpty)
    return configuration
  }

  /// The settings of an arm of a study.
  private func applied(
    _ arm: ArmDefinition, over common: RunConfiguration
  ) throws -> RunConfiguration {
    try arm.resolved(over: common).applied(to: common)
  }

  @Test("They state what the paper states", arguments: backbones)
  func numbers(_ backbone: String) throws {
    // A run has another method by default.
    let paper = try settings(backbone, over: RunConfiguration())
    try paper.validate()
    #expect(paper.model.method.name == "mcdrl")
    #expect(paper.imageSize == 224 && paper.epochs == 50 && paper.confounders == 12)
    #expect(paper.optimizer.learningRate == 0.005 && paper.objective.dice == 0)
    #expect(paper.interventionShare == 0 && paper.tune == .all)
    let options = try #require(paper.mcdrl)
    #expect(options.causal == 0.5 && options.contrast == 0.1 && options.temperature == 0.5)
    // On after epoch 10.
    #expect(options.start * Double(paper.epochs) == 10)
    let region = try #require(options.region)
    #expect(region.score == .max && region.selection == .hard)
    let intervention = try #require(options.intervention)
    #expect(intervention.depth == 3 && intervention.adjustment == .attention)
    #expect(intervention.dictionary == .words && intervention.evidence == 0)
  }

  @Test("They differ in the width of the intervention alone, which is 1024 for ViT-L/14")
  func widths() throws {
    let all = try Self.backbones.map { try settings($0) }
    #expect(all.map { $0.mcdrl?.intervention?.width } == [1024, 768, 1024])
    for other in all {
      let names = try other.differences(from: all[0]).map(\.name)
      #expect(Set(names).isSubset(of: ["model.options.intervention.width"]))
    }
  }

  @Test("With them, the method is the control that has the paper's settings", arguments: backbones)
  func control(_ backbone: String) throws {
    let common = try settings(backbone)
    #expect(try applied(.mcdrl, over: common) == applied(Control.paper.arm, over: common))
    #expect(try applied(.mcdrl, over: common) == common)
  }

  @Test("Every arm of the paper's tables is a valid one, and none is shown interventions")
  func tables() throws {
    let names = ["baseline", "stylip", "biomedcoop", "no-mtrs", "no-cdrl", "mcdrl"]
    var studies = try [Ablation.modules, .lesionType, .dictionary, .depth].map { try $0.arms() }
    studies.append(try names.map { try ArmDefinition(parsing: $0) })
    for backbone in Self.backbones {
      let common = try settings(backbone)
      for arms in studies {
        try StudyPlan(study: "paper", configuration: common, arms: arms, seeds: [0]).validate()
        for arm in arms {
          let own = try applied(arm, over: common)
          #expect(own.interventionShare == 0 && own.objective.dice == 0, "\(arm.name)")
          #expect(own.tune == .all && own.epochs == 50, "\(arm.name)")
        }
      }
    }
  }
}
