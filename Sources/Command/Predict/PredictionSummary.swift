import Metrics
import Torch
import Training

extension PredictCommand {
  /// The line of an image in `predictions.jsonl` (docs/reference/predictions.md).
  struct Summary: Encodable, Sendable {
    /// The settings of the computation, which are the same for every image of a call.
    struct Settings: Sendable {
      let precision: Precision
      let decoding: Predictor.Decoding
      let threshold: MaskThreshold
      let passes: Int

      init(_ predictor: Predictor) {
        (precision, decoding) = (predictor.precision, predictor.decoding)
        (threshold, passes) = (predictor.threshold, predictor.configuration.inference.passes)
      }
    }

    let image: String
    /// The name of the results.
    let name: String
    /// The number of the frame in the file, from 1; nil for a file of one image.
    let frame: Int?
    let width: Int
    let height: Int
    let findings: Findings
    let files: [String]
    let settings: Settings
    /// Each of several classes; nil for one.
    let classes: [ClassSummary]?
    /// Only of a calibrated run.
    let certainty: Certainty?

    init(
      _ input: PredictionInput, width: Int, height: Int, _ findings: Findings, files: [String],
      _ settings: Settings, classes: [ClassSummary]? = nil, certainty: Certainty? = nil
    ) {
      (image, name, frame) = (input.file.path, input.name, input.frame)
      (self.width, self.height, self.findings, self.files) = (width, height, findings, files)
      (self.settings, self.classes, self.certainty) = (settings, classes, certainty)
    }

    /// The file, and the frame if it has several, for messages.
    var place: String { image + (frame.map { ", frame \($0)" } ?? "") }

    enum CodingKeys: String, CodingKey {
      case image, name, frame, width, height, files, precision, decoding, threshold, passes, classes
      case uncertainty, distance, warnings
      case expectedDice = "expected_dice"
    }

    func encode(to encoder: any Encoder) throws {
      var container = encoder.container(keyedBy: CodingKeys.self)
      try container.encode(image, forKey: .image)
      try container.encode(name, forKey: .name)
      try container.encodeIfPresent(frame, forKey: .frame)
      try container.encode(width, forKey: .width)
      try container.encode(height, forKey: .height)
      try findings.encode(to: encoder)
      try container.encode(files, forKey: .files)
      try container.encode(settings.precision, forKey: .precision)
      try container.encode(settings.decoding, forKey: .decoding)
      try container.encode(settings.threshold, forKey: .threshold)
      try container.encode(settings.passes, forKey: .passes)
      try container.encodeIfPresent(classes, forKey: .classes)
      try container.encodeIfPresent(certainty?.expectedDice, forKey: .expectedDice)
      try container.encodeIfPresent(certainty?.uncertainty, forKey: .uncertainty)
      try container.encodeIfPresent(certainty?.distance, forKey: .distance)
      try container.encodeIfPresent(certainty?.warnings, forKey: .warnings)
    }
  }

  /// One of several classes on an image.
  struct ClassSummary: Encodable, Sendable {
    let name: String
    /// The highest probability of a pixel.
    let score: Double
    let findings: Findings
    /// The files of this class alone.
    let files: [String]

    enum CodingKeys: String, CodingKey {
      case score, files
      case name = "class"
    }

    func encode(to encoder: any Encoder) throws {
      var container = encoder.container(keyedBy: CodingKeys.self)
      try container.encode(name, forKey: .name)
      try container.encode(score, forKey: .score)
      try findings.encode(to: encoder)
      try container.encode(files, forKey: .files)
    }
  }

  /// The lesions of a mask, or of the masks of all classes together.
  struct Findings: Encodable, Sendable {
    /// The number of lesion pixels.
    let area: Int
    /// The share of the pixels that are lesion.
    let share: Double
    /// The number of lesions.
    let count: Int
    /// The lesions; nil for all classes together.
    let lesions: [MaskFindings.Lesion]?
    /// How sure the mask is; nil for all classes together.
    let confidence: MaskFindings.Confidence?

    init(_ found: MaskFindings) {
      (area, share, count) = (found.area, found.share, found.lesions.count)
      (lesions, confidence) = (found.lesions, found.confidence)
    }

    /// Counts the lesions of all classes together.
    ///
    /// - Parameters:
    ///   - classes: the classes.
    ///   - area: the number of pixels that are lesion of any class.
    ///   - pixels: the number of all pixels.
    init(_ classes: [ClassSummary], area: Int, of pixels: Int) {
      (self.area, share) = (area, Double(area) / Double(pixels))
      count = classes.map(\.findings.count).reduce(0, +)
      (lesions, confidence) = (nil, nil)
    }

    enum CodingKeys: String, CodingKey {
      case lesions, confidence
      case area = "lesion_area"
      case share = "lesion_share"
      case count = "lesion_count"
    }
  }
}
