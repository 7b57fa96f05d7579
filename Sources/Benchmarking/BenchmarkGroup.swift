/// A group of benchmark cases.
package enum BenchmarkGroup: String, Codable, CaseIterable, Sendable {
  /// CLIP image encoding.
  case encode
  /// Segmentation from image files to mask files.
  case files
  /// Steps and epochs of training.
  case training
  /// A complete leave-one-site-out run.
  case study
  /// Decoding and preparing images.
  case decode
  /// Metrics of masks.
  case metrics
  /// Peak memory of a process.
  case memory
  /// Growth of the cost.
  case scaling

  /// The title for headings.
  package var title: String {
    switch self {
    case .encode: "CLIP image encoding"
    case .files: "Image files to mask files"
    case .training: "Training"
    case .study: "Leave one site out, the whole run"
    case .decode: "Decoding and preparing a 1920×1080 JPEG"
    case .metrics: "Dice, IoU, HD95 and surface Dice of a pair of masks"
    case .memory: "Peak memory of a process"
    case .scaling: "How cost grows"
    }
  }
}
