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
    var score = ""
    var selects = false
    let rows = try zip(runs, samples).map { run, samples in
      let (system, settings) = (try run.run.compiledSystem(), run.run.configuration)
      let traits = settings.model.method.traits
      (score, selects) = (traits.regionScore, traits.selectsRegions)
      let fraction = traits.regionFraction ?? RegionConfiguration().fraction
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
    return LocalisationFigure(
      fingerprint: fingerprint, method: candidate, seed: runs.first?.result.seed ?? seed, score: score,
      selects: selects, rows: rows)
  }
}
