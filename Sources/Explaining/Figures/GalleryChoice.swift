import Metrics
import Studies

/// An image of the gallery and the reason for it; only stored scores decide.
struct GalleryChoice {
  /// The reason.
  let choice: GalleryFigure.Choice
  /// The method, or the candidate and the method compared with it.
  let methods: [String]
  /// The place of the image: its site and its name.
  let place: Place
  /// Its lesion class.
  let lesionClass: String?
  /// Dice by method.
  let dice: [Double]
  /// The number of images that the same score would have selected.
  let ties: Int

  /// The place of an image.
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

  /// The rule of the selection, for the reader.
  static let rule =
    "Chosen by Dice at held-out sites alone: of each method the best, the median and the worst image, and for the candidate "
    + "beside each other method the image on which it is furthest ahead and the one on which it is furthest behind. Images "
    + "whose reference is empty are left out, unless all are; of equal scores the first by site and name is taken."

  /// Returns the best, the median and the worst image of a method.
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

  /// Returns the images where the first of two methods has its largest lead and its largest lag.
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
