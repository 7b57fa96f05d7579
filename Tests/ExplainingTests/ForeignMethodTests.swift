import Confounders
import Datasets
import Foundation
import Segmentation
import Testing
import TestSupport
import Torch

@testable import Explaining
@testable import Studies
@testable import Training

/// A method of another package: it selects by its own score and sums over confounders in its own way.
private final class Shifted: SegmentationMethod, ConfigurableMethod {
  static let name = "shifted"
  static let summary = "adds a trained vector to all features"

  static func traits(_ options: NoOptions) -> MethodTraits {
    var traits = MethodTraits()
    traits.intervenes = true
    traits.regionFraction = 0.25
    traits.regionScore = "mean feature"
    return traits
  }

  @Parameter private var shift: Tensor

  init(_ options: NoOptions, _ context: MethodContext) throws {
    _shift = Parameter("shift", try .zeros([context.text.classes.size(1)]) + 0.1)
    super.init()
  }

  override func represent(_ encoded: EncodedImages, _ pass: ForwardPass) throws -> Representation {
    let features = try encoded.positions
    let changed = pass.intervenes ? try features + shift : features
    return Representation(
      features: features, observed: features, intervened: pass.intervenes ? changed : nil, grid: changed,
      score: try features.mean([-1]))
  }

  override func regionScore(_ features: Tensor, _ text: TextEmbeddings) throws -> Tensor? {
    try features.mean([-1])
  }
}

@Suite("Diagnosis of a method that is not the paper's")
struct ForeignMethodTests {
  private static let methods = MethodRegistry.builtIn.adding(Shifted.self)

  @Test("An explanation says what the method states of itself, and nothing of the paper's options")
  func explanation() throws {
    let tiny = try TinyRun(method: MethodChoice(Shifted.self), methods: Self.methods)
    let system = try tiny.trainer().system.compiled()
    var options = Explainer.Options()
    options.sweep = []
    let explainer = try Explainer(
      Predictor(system, tiny.configuration, precision: .float32), prompts: TinyRun.prompts.get(),
      options: options)
    let model = explainer.model(run: "run")
    #expect(model.method == "shifted" && model.intervenes && model.selectsRegions)
    #expect(model.adjustment == nil && model.dictionary == "words")
    let sample = try #require(try TinyRun.sites.get()[2].testSamples.first)
    let (image, maps, means) = try explainer.explain(ExplanationInput(sample))
    #expect(image.attention == nil && image.evidence == nil && image.off != nil)
    let selected: [UInt8] = try #require(maps.tensors["selected"]).array()
    #expect(selected.count { $0 == 1 } == selected.count / 4)
    let explanation = try Explanation(
      model: model, site: nil, trainedOn: nil, available: 1, confounders: explainer.confounders,
      strengths: [], spread: Explainer.spread(of: [means]), images: [image])
    let answer = explanation.answer.joined(separator: "\n")
    #expect(answer.contains("(shifted) weighs the confounders alike in every image"), "\(answer)")
  }

  @Test("A study shows its own score and parameters, and no sum or dictionary that it does not follow")
  func study() throws {
    let tiny = try TinyRun(epochs: 1, methods: Self.methods)
    tiny.configuration.tune = .none
    tiny.configuration.augmentation = .none
    tiny.configuration.batchSize = 16
    let catalog = try SiteCatalog(at: TinyRun.data.get())
    let plan = try StudyPlan(
      study: "loso", configuration: tiny.configuration,
      arms: [.baseline, ArmDefinition(MethodChoice(Shifted.self))], seeds: [3])
    let folds = try LeaveOneSiteOut(
      plan, catalog: catalog, prompts: TinyRun.prompts.get(), folder: tiny.run.url)
    let runs = try zip(folds.folds, folds.run()).map {
      StudyFigures.Run(result: $1, run: try folds.run($0))
    }
    var figures = try StudyFigures(
      study: tiny.run.url, catalog: catalog, candidate: "shifted", runs: runs)
    (figures.imageLimit, figures.pictureSize, figures.latencyPasses) = (12, 16, 1)
    let stored = try figures.compute()
    let localisation = try #require(stored.localisation)
    #expect(localisation.score == "mean feature" && localisation.selects)
    #expect(localisation.rows.allSatisfy { $0.fraction == 0.25 })
    let cost = try #require(stored.cost)
    #expect(cost.rows[0].intervention == 0)
    #expect(cost.rows[1].intervention == cost.rows[1].trained - cost.rows[0].trained)
    #expect(cost.rows[1].intervention > 0)
    // It follows neither another form of the sum nor other entries.
    #expect(stored.adjustment == nil && stored.coverage == nil && stored.attention == nil)
    #expect(stored.probes?.methods == ["baseline", "shifted"])
  }
}
