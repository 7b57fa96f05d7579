import Datasets
import Statistics
import Torch
import Training

extension StudyFigures {
  /// Computes the places of images in a model's representation before and after the intervention.
  func featureFigure(_ run: Run, _ features: FeatureStore?, fingerprint: String) throws -> FeatureFigure {
    let (system, settings) = (try run.run.compiledSystem(), run.run.configuration)
    let heldOut = run.result.site
    // As in training and scoring, the held-out site is represented by its test images.
    let all = catalog.sites.map { $0.name == heldOut ? $0.testSamples : $0.samples }
    let samples = spread(all).flatMap { $0 }
    images.expect(samples.count)
    var (before, after): ([Tensor], [Tensor]) = ([], [])
    try eachRepresentation(samples, system, settings.reader, features) { representation in
      before.append(try representation.observed.mean([1]))
      if let intervened = representation.intervened { after.append(try intervened.mean([1])) }
    }
    let tsne = TSNE()
    let points = try ([before] + (after.isEmpty ? [] : [after])).map { try Tensor.concatenated($0, dim: 0) }
    let maps = try Self.inParallel(points.count) { try Self.map(points[$0], samples, tsne) }
    return FeatureFigure(
      fingerprint: fingerprint, method: run.result.method, seed: run.result.seed, heldOut: heldOut,
      total: all.reduce(0) { $0 + $1.count }, perplexity: tsne.effectivePerplexity(samples.count),
      items: samples.map {
        .init(site: $0.site, image: $0.id, lesionClass: $0.lesionClass, heldOut: $0.site == heldOut)
      },
      before: maps[0], after: maps.count > 1 ? maps[1] : nil)
  }

  private static func map(_ points: Tensor, _ samples: [Sample], _ tsne: TSNE) throws -> FeatureFigure.Map {
    let map = try tsne(points)
    func places(_ column: Int) throws -> [Double] {
      try map.points.selected(dim: 1, index: column).doubles().map { ($0 * 1000).rounded() / 1000 }
    }
    let classed = samples.indices.filter { samples[$0].lesionClass != nil }
    return FeatureFigure.Map(
      x: try places(0), y: try places(1), divergence: map.divergence,
      sitePurity: try NeighbourPurity(points, labels: samples.map(\.site)),
      classPurity: try NeighbourPurity(
        points.indexed(Tensor(classed)), labels: classed.map { samples[$0].lesionClass ?? "" }))
  }
}
