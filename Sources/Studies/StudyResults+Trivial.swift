import Metrics
import Storage
import Training

extension StudyResults {
  /// A predictor that ignores the image at one site, or over the sites; every method must beat it.
  package struct Trivial: Codable, Equatable, Sendable {
    /// The name of the predictor.
    package let predictor: String
    /// The site; nil for the mean over sites.
    @Nullable package private(set) var site: String?
    /// Mean Dice; two empty masks count 1.
    package let dice: Double
    /// Mean Dice over the images with a lesion; nil if there are none.
    @Nullable package private(set) var diceWithLesion: Double?
    /// Mean IoU; two empty masks count 1.
    package let iou: Double
    /// Mean IoU over the images with a lesion; nil if there are none.
    @Nullable package private(set) var iouWithLesion: Double?

    enum CodingKeys: String, CodingKey {
      case predictor, site, dice, iou
      case diceWithLesion = "dice_with_lesion"
      case iouWithLesion = "iou_with_lesion"
    }

    /// Returns the mean of a score; nil if it was not computed.
    package func value(_ metric: Metric, withLesion: Bool) -> Double? {
      switch metric {
      case .dice: withLesion ? diceWithLesion : dice
      case .iou: withLesion ? iouWithLesion : iou
      default: nil
      }
    }

    /// Averages scores; nil without any.
    private init?(_ predictor: String, site: String?, _ scores: [Numbers]) {
      guard let dice = average(scores.map(\.dice)), let iou = average(scores.map(\.iou)) else { return nil }
      self.predictor = predictor
      self.site = site
      self.dice = dice
      self.iou = iou
      diceWithLesion = average(scores.map(\.diceWithLesion))
      iouWithLesion = average(scores.map(\.iouWithLesion))
    }

    private typealias Numbers = (dice: Double, diceWithLesion: Double?, iou: Double, iouWithLesion: Double?)
    private var numbers: Numbers { (dice, diceWithLesion, iou, iouWithLesion) }

    /// Returns every predictor at every site, then over the sites; nil if a fold has none.
    ///
    /// The mean training mask depends on the seed, which draws the validation images. So the scores
    /// are means over the folds of the first method.
    static func rows(_ table: StudyTable) -> [Trivial]? {
      let folds = table.folds.filter { $0.method == table.methods.first }
      guard folds.allSatisfy({ $0.trivial != nil }) else { return nil }
      return TrivialPredictor.allCases.map(\.rawValue).flatMap { name in
        let sites = table.sites.compactMap { site in
          Trivial(
            name, site: site.name,
            folds.filter { $0.site == site.name }.compactMap { $0.trivial?[name] }.map {
              ($0.dice, $0.diceWithLesion, $0.iou, $0.iouWithLesion)
            })
        }
        return sites + [Trivial(name, site: nil, sites.map(\.numbers))].compactMap { $0 }
      }
    }
  }

  /// The predictors that ignore the image at a site, in order; over the sites if `site` is nil.
  package func trivial(at site: String?) -> [Trivial] { (trivial ?? []).filter { $0.site == site } }

  /// The names of the predictors that ignore the image; empty if they were not scored.
  package var trivialNames: [String] { trivial(at: nil).map(\.predictor) }
}

extension StudyTable {
  /// Sentences about predictions that a mean score hides, by method.
  var findings: [String] {
    let trivial = StudyResults.Trivial.rows(self) ?? []
    return methods.enumerated().flatMap { method, name in
      PredictionFindings.sentences(
        name,
        sites.compactMap { site in
          // Each seed counts the images of the site again.
          let seeds = site.scores[method].count
          return OverlapSummary(of: site.scores[method].flatMap { $0 }).map { own in
            PredictionFindings.Place(
              name: "at \(site.name)" + (seeds > 1 ? " over \(seeds) seeds" : ""), own: own,
              trivial: trivial.filter { $0.site == site.name }.map {
                .init(name: $0.predictor, dice: $0.dice, diceWithLesion: $0.diceWithLesion)
              })
          }
        })
    }
  }
}
