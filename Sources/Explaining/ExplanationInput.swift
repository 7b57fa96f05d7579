import Datasets
import Foundation
import Training

/// An image that is to be explained, with what is known of it.
package struct ExplanationInput: Sendable {
  /// Its name, which its files carry; unique among all.
  package let name: String
  /// The image file.
  package let image: URL
  /// Where it comes from a data folder: its mask, class and group.
  package let sample: Sample?
  /// The true strengths of the confounders that are in it; nil where nothing is recorded.
  package var truth: [String: Double]?

  /// An image of a data folder.
  package init(_ sample: Sample, truth: [String: Double]? = nil) {
    name = sample.id
    image = sample.image
    self.sample = sample
    self.truth = truth
  }

  /// An image file of one's own.
  package init(_ image: URL, truth: [String: Double]? = nil) {
    name = image.deletingPathExtension().lastPathComponent
    self.image = image
    sample = nil
    self.truth = truth
  }

  /// At most so many of some items, spread evenly over them.
  package static func spread<Item>(_ items: [Item], limit: Int) -> [Item] {
    let count = min(limit, items.count)
    return (0..<count).map { items[$0 * items.count / count] }
  }
}
