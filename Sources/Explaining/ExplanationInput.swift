import Datasets
import Foundation
import Training

/// An image to explain, with its known facts.
package struct ExplanationInput: Sendable {
  /// Its name, which is in the names of its files; unique among all.
  package let name: String
  /// The image: a file, or a frame of one.
  package let source: PredictionInput
  /// The sample in its data folder, with mask, class and group; nil outside a data folder.
  package let sample: Sample?
  /// The true strengths of the confounders in the image; nil if they are not recorded.
  package var truth: [String: Double]?

  /// Makes an input from an image of a data folder.
  package init(_ sample: Sample, truth: [String: Double]? = nil) {
    name = sample.id
    source = PredictionInput(sample.image)
    self.sample = sample
    self.truth = truth
  }

  /// Makes an input from an image of the user.
  package init(_ source: PredictionInput, truth: [String: Double]? = nil) {
    name = source.name
    self.source = source
    sample = nil
    self.truth = truth
  }

  /// Makes an input from an image file of the user.
  package init(_ image: URL, truth: [String: Double]? = nil) {
    self.init(PredictionInput(image), truth: truth)
  }

  /// The file of the image.
  package var image: URL { source.file }

  /// Selects at most `limit` items, evenly spread.
  package static func spread<Item>(_ items: [Item], limit: Int) -> [Item] {
    let count = min(limit, items.count)
    return (0..<count).map { items[$0 * items.count / count] }
  }
}
