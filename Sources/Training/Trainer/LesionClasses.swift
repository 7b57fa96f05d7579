import Confounders
import Datasets
import Torch

/// The lesion class of images, for losses that compare with the words of a class.
///
/// It is the stated class of an image. Without one, in a run of several classes, it is the only
/// segmented class with words that the masks show. L_causal and L_contrast have one class an image,
/// so an image that shows two such classes has none.
struct LesionClasses: Sendable {
  /// The stated class of each sample, by its place among the prompts' classes.
  private let stated: [Int?]
  /// The place of each segmented class among the prompts' classes; empty for one mask.
  private let segmented: [Int?]

  /// Finds the classes of samples.
  ///
  /// - Parameters:
  ///   - samples: the training images.
  ///   - prompts: the prompts, whose classes have words.
  ///   - configuration: the settings, with the segmented classes.
  init(of samples: [Sample], in prompts: PromptSet, _ configuration: RunConfiguration) {
    self.init(
      stated: samples.map { sample in sample.lesionClass.flatMap(prompts.classes.firstIndex(of:)) },
      segmented: configuration.segmentsClasses
        ? configuration.classes.map(prompts.classes.firstIndex(of:)) : [])
  }

  /// Makes the value from its parts.
  init(stated: [Int?], segmented: [Int?] = []) { (self.stated, self.segmented) = (stated, segmented) }

  /// Returns the class of each row of a batch; nil without a lesion or if unknown.
  ///
  /// - Parameters:
  ///   - rows: the sample of each row.
  ///   - masks: B×K×S×S, 0 and 1.
  /// - Returns: the place of each class among the prompts' classes.
  /// - Throws: `TorchError` if the shapes do not fit.
  func classes(of rows: [Int], masks: Tensor) throws -> [Int?] {
    // Images without a lesion have no class.
    let lesions = try masks.sum([1, 2, 3]).floats()
    let known = zip(rows, lesions).map { $1 > 0 ? stated[$0] : nil }
    guard segmented.contains(where: { $0 != nil }) else { return known }
    let shown = try masks.sum([2, 3]).floats()
    return known.enumerated().map { row, known in
      let found = segmented.indices.compactMap { index in
        shown[row * segmented.count + index] > 0 ? segmented[index] : nil
      }
      return known ?? (found.count == 1 ? found[0] : nil)
    }
  }
}
