import Metrics
import Segmentation
import Torch
import Training

extension StudyFigures {
  /// Computes the localisation of the region score at each site.
  ///
  /// It uses the model that did not see the site.
  func localisationFigure(
    _ runs: [Run], _ features: FeatureStore?, fingerprint: String
  ) throws -> LocalisationFigure {
    let samples = spread(try runs.map { try catalog.site($0.result.site).testSamples })
    images.expect(samples.reduce(0) { $0 + $1.count })
    let rows = try Self.inParallel(runs.count) { index in
      let (run, samples) = (runs[index], samples[index])
      let (system, settings) = (try run.run.compiledSystem(), run.run.configuration)
      let fraction = settings.model.method.traits.regionFraction ?? RegionConfiguration().fraction
      let selection = try RegionSelection(fraction: fraction)
      var images: [RegionLocalisation.Image] = []
      try eachBatch(samples, settings.reader, features) { batch, masks, cached in
        let score = try system.regionScore(batch, cached: cached)
        images += try RegionLocalisation.Image.batch(
          score: score, masks: masks, positions: selection.positions(score.flattened(from: 1)))
      }
      return LocalisationFigure.Row(
        site: run.result.site, fraction: fraction, found: RegionLocalisation(images))
    }
    let traits = runs.last?.run.configuration.model.method.traits
    return LocalisationFigure(
      fingerprint: fingerprint, method: candidate, seed: runs.first?.result.seed ?? seed,
      score: traits?.regionScore ?? "",
      selects: traits?.selectsRegions ?? false, rows: rows)
  }
}
