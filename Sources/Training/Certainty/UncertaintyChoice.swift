import Metrics
import Statistics

/// Chooses how the uncertainty of pixels is measured, by the AURC at left-out source sites.
struct UncertaintyChoice {
  /// The way with the lowest mean AURC over sites.
  let best: UncertaintyKind
  /// The scores of each left-out site.
  let scores: [Calibration.SiteScores]

  /// Scores every way that was measured.
  ///
  /// - Parameters:
  ///   - observations: the predictions.
  ///   - scalings: the scalings without each site.
  ///   - laplace: Laplace's approximation; nil if it was not measured.
  init(_ observations: [Observation], _ scalings: Scalings, _ laplace: LaplaceFit.Fitted?) {
    let counts = Scalings.counts(observations)
    var found: [Calibration.SiteScores] = []
    for site in counts.keys.sorted() {
      let own = observations.filter { $0.site == site && $0.variant == 0 }
      let scaling = scalings.sites[site] ?? scalings.all
      var risks: [UncertaintyKind: RiskCounts] = [:]
      for image in own {
        risks[.entropy, default: RiskCounts()].merge(image.wrong.risks(scaling.probability))
        if let spread = image.spreadRisks { risks[.spread, default: RiskCounts()].merge(spread) }
      }
      risks[.laplace] = laplace?.risks[site]
      guard let pixels = counts[site], let before = pixels.scores(LogitScaling.identity.probability),
        let after = pixels.scores(scaling.probability)
      else { continue }
      found.append(
        Calibration.SiteScores(
          site: site, images: own.count, errorBefore: before.error, errorAfter: after.error,
          brierBefore: before.brier, brierAfter: after.brier,
          aurc: Dictionary(
            uniqueKeysWithValues: risks.compactMap { kind, counts in
              counts.curve.area.map { (kind.rawValue, $0) }
            })))
    }
    scores = found
    func mean(_ kind: UncertaintyKind) -> Double? {
      let areas = found.compactMap { $0.aurc[kind.rawValue] }
      return areas.count == found.count && !areas.isEmpty ? areas.reduce(0, +) / Double(areas.count) : nil
    }
    let measured = UncertaintyKind.allCases.compactMap { kind in mean(kind).map { (kind, $0) } }
    // Of equal ones the first, which costs least.
    best = measured.min { $0.1 < $1.1 }?.0 ?? .entropy
  }
}
