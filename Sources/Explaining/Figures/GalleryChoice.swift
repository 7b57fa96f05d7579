import Metrics
import Studies

/// An image of the gallery and why it is there; chosen by stored scores alone.
struct GalleryChoice {
  /// Why.
  let choice: GalleryFigure.Choice
  /// The method, or the candidate and the method that it is compared with.
  let methods: [String]
  /// Where the image is: its site and its name.
  let place: Place
  /// Its lesion class.
  let lesionClass: String?
  /// Dice by method.
  let dice: [Double]
  /// Images that the same score would have chosen.
  let ties: Int

  /// An image of a site.
  struct Place: Hashable {
    let site: String
    let image: String
  }

  /// An image and its Dice by method.
  struct Scored {
    let place: Place
    let lesionClass: String?
    let dice: [Double]
  }

  /// The rule, for the reader.
  static let rule =
    "Chosen by Dice at held-out sites alone: of each method the best, the median and the worst image, and for the candidate "
    + "beside each other method the image on which it is furthest ahead and the one on which it is furthest behind. Images "
    + "whose reference is empty are left out, unless all are; of equal scores the first by site and name is taken."

  /// The best, the median and the worst image of a method.
  static func extremes(_ method: String, _ images: [Scored]) -> [GalleryChoice] {
    let sorted = images.map { $0.dice[0] }.sorted()
    guard let worst = sorted.first, let best = sorted.last else { return [] }
    let wanted = [
      (GalleryFigure.Choice.best, best), (.median, sorted[(sorted.count - 1) / 2]), (.worst, worst),
    ]
    return wanted.compactMap { choice, dice in
      pick(choice, [method], images.filter { $0.dice[0] == dice })
    }
  }

  /// Where the first of two methods is furthest ahead and furthest behind.
  static func disagreements(_ methods: [String], _ images: [Scored]) -> [GalleryChoice] {
    let differences = images.map { $0.dice[0] - $0.dice[1] }
    guard let highest = differences.max(), let lowest = differences.min() else { return [] }
    func at(_ difference: Double) -> [Scored] {
      zip(images, differences).filter { $0.1 == difference }.map(\.0)
    }
    return [
      highest > 0 ? pick(.ahead, methods, at(highest)) : nil,
      lowest < 0 ? pick(.behind, methods, at(lowest)) : nil,
    ].compactMap { $0 }
  }

  private static func pick(
    _ choice: GalleryFigure.Choice, _ methods: [String], _ images: [Scored]
  ) -> GalleryChoice? {
    images.first.map {
      GalleryChoice(
        choice: choice, methods: methods, place: $0.place, lesionClass: $0.lesionClass, dice: $0.dice,
        ties: images.count)
    }
  }
}
