import Datasets
import Metrics
import Storage

/// The settings of inference.
///
/// They change nothing of the training, nor of its validation, which looks once at S×S with the
/// threshold 0.5.
public struct InferenceConfiguration: Codable, Equatable, Sendable {
  /// Whether predictions are the mean over the image and its three flips.
  ///
  /// They take four passes for one.
  public var flips = false
  /// Whether predictions are the mean over the image and its quarter turns.
  ///
  /// They take four passes for one. With `flips` they are the mean over the eight symmetries of the
  /// square, which takes eight.
  public var turns = false
  /// The input sizes whose predictions are averaged, as multiples of S.
  ///
  /// The image is read at each size anew, with sides that are multiples of 32; 1 is S itself. The
  /// passes of the flips and turns are made at each, and s costs about s² as much as 1. Towers with
  /// position embeddings take [1] alone.
  public var scales = [1.0]
  /// The rule of lesion pixels.
  public var threshold: MaskThreshold = 0.5
  /// The area of the smallest lesion, in per mille of the image; smaller ones are removed.
  ///
  /// 0 keeps all. Holes are filled before.
  public var smallestLesion = 0.0
  /// The area of the largest hole in a lesion that is filled, in per mille of the image.
  ///
  /// 0 fills none, 1000 all.
  public var fillHoles = 0.0
  /// Whether a training chooses the three settings above at its end.
  public var choose = MaskChoice.none

  /// Makes the defaults.
  public init() {}

  /// The whole rule of masks.
  package var rule: MaskRule {
    get { MaskRule(threshold, smallestLesion: smallestLesion, fillHoles: fillHoles) }
    set {
      threshold = newValue.threshold
      (smallestLesion, fillHoles) = (newValue.smallestLesion, newValue.fillHoles)
    }
  }

  /// The views of an image at each scale; the first is the image itself.
  var views: [Symmetry] {
    switch (flips, turns) {
    case (false, false): [.identity]
    case (true, false): Symmetry.flips
    case (false, true): Symmetry.turns
    case (true, true): Symmetry.all
    }
  }

  /// The number of passes of the network for one prediction.
  package var passes: Int { views.count * scales.count }

  /// The mean in words, such as "mean of 24 passes: 8 views at 3 scales"; nil for a single pass.
  package var mean: String? {
    switch (views.count, scales.count) {
    case (1, 1): nil
    case (let views, 1): "mean of \(passes) passes: \(views) views"
    case (1, let scales): "mean of \(passes) passes: \(scales) scales"
    case (let views, let scales): "mean of \(passes) passes: \(views) views at \(scales) scales"
    }
  }

  /// Returns the side of the input of each scale.
  ///
  /// - Parameter size: S.
  /// - Returns: S for 1; otherwise the multiple of 32 that is nearest to s·S, at least 32.
  package func sides(_ size: Int) -> [Int] {
    scales.map { $0 == 1 ? size : max(32, 32 * Int(($0 * Double(size) / 32).rounded())) }
  }

  /// Checks the values that types cannot.
  ///
  /// - Parameter size: S.
  /// - Throws: `SettingsError.outOfRange`.
  func validate(imageSize size: Int) throws {
    guard (1...8).contains(scales.count), scales.allSatisfy((0.5...3).contains),
      Set(scales).count == scales.count, scales.contains(1)
    else {
      throw SettingsError.outOfRange(
        "inference.scales", value: "\(scales)",
        wanted: "1 to 8 different numbers from 0.5 to 3, with 1 among them")
    }
    let sides = sides(size)
    guard Set(sides).count == sides.count else {
      throw SettingsError.outOfRange(
        "inference.scales", value: "\(scales)",
        wanted: "numbers that give different sides; at imageSize \(size) the sides are \(sides): "
          + "use another inference.scales, such as [1,1.5], or a larger imageSize")
    }
    if case .fixed(let probability) = threshold, !(0...1).contains(probability) {
      throw SettingsError.outOfRange(
        "inference.threshold", value: "\(threshold)", wanted: MaskThreshold.possible)
    }
    for (name, area) in [("smallestLesion", smallestLesion), ("fillHoles", fillHoles)]
    where !(0...1000).contains(area) {
      throw SettingsError.outOfRange(
        "inference.\(name)", value: "\(area)", wanted: "from 0 to 1000, in per mille of the image's area")
    }
  }
}

/// The images that choose the rule of masks at the end of a training.
public enum MaskChoice: String, NamedChoice, Sendable {
  /// None: the settings hold.
  case none
  /// The validation images of the source sites; see `MaskTuning`.
  case validation
}
