import Foundation
import Storage

/// Sentences about predictions that a mean score hides.
package enum PredictionFindings {
  /// A model marks nothing if it leaves this share of the images with a lesion unmarked.
  package static let nearlyAllImages = 0.95
  /// A model marks nearly everything if it marks more than this share of an image on average.
  package static let nearlyAllPixels = 0.9

  /// A predictor that ignores the image, and its mean Dice.
  package struct Trivial: Equatable, Sendable {
    let name: String
    let dice: Double
    let diceWithLesion: Double?

    /// Names a predictor with its mean Dice over all images and over those with a lesion.
    package init(name: String, dice: Double, diceWithLesion: Double?) {
      self.name = name
      self.dice = dice
      self.diceWithLesion = diceWithLesion
    }
  }

  /// The predictions of a model at one place, such as a site.
  package struct Place: Sendable {
    let name: String
    let own: OverlapSummary
    let trivial: [Trivial]

    /// Makes a place.
    ///
    /// - Parameters:
    ///   - name: where, with its preposition, such as "at c1".
    ///   - own: the scores of the model.
    ///   - trivial: the predictors that ignore the image, on the same images.
    package init(name: String, own: OverlapSummary, trivial: [Trivial]) {
      self.name = name
      self.own = own
      self.trivial = trivial
    }

    /// Whether nothing is marked on nearly all images with a lesion.
    var marksNothing: Bool { own.unmarkedShare.map { $0 >= nearlyAllImages } ?? false }
    /// Whether nearly all pixels are marked, and lesions do not cover as much.
    var marksAll: Bool { own.markedShare > nearlyAllPixels && own.referenceShare <= nearlyAllPixels }

    /// Compares with the best predictor that ignores the image; nil if the model beats it.
    var defeat: String? {
      func text(_ own: Double?, _ dice: (Trivial) -> Double?, _ images: String) -> String? {
        let best = trivial.compactMap { item in dice(item).map { (item.name, $0) } }.max { $0.1 < $1.1 }
        guard let own, own < 1, let best, best.1 >= own else { return nil }
        let (score, other) = (String(format: "%.3f", own), String(format: "%.3f", best.1))
        return "Dice \(score)\(images) \(name) (\(best.0): \(other))"
      }
      return text(own.dice, \.dice, "")
        ?? text(own.diceWithLesion, \.diceWithLesion, " on images with a lesion")
    }
  }

  /// States where a model marks nothing, or nearly everything, or loses to a trivial predictor.
  ///
  /// - Parameters:
  ///   - model: the name of the model.
  ///   - places: the places of its predictions.
  /// - Returns: at most three sentences; none if there is nothing to say.
  package static func sentences(_ model: String, _ places: [Place]) -> [String] {
    func percent(_ share: Double) -> String { String(format: "%.0f %%", 100 * share) }
    let nothing = places.filter(\.marksNothing).map { place in
      "\(place.own.countUnmarked) of \(counted(place.own.countWithLesion, "image")) with a lesion \(place.name)"
    }
    let everything = places.filter(\.marksAll).map { place in
      "\(percent(place.own.markedShare)) of an image \(place.name), where lesions cover "
        + percent(place.own.referenceShare)
    }
    let defeats = places.compactMap(\.defeat)
    var found: [String] = []
    if !nothing.isEmpty {
      found.append("\(model) marks nothing on \(nothing.joined(separator: ", and on ")).")
    }
    if !everything.isEmpty {
      found.append("\(model) marks nearly everything: on average \(everything.joined(separator: "; ")).")
    }
    if !defeats.isEmpty {
      found.append(
        "\(model) does not beat a predictor that ignores the image: \(defeats.joined(separator: "; ")).")
    }
    return found
  }
}
