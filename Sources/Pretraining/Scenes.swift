import Confounders
import Datasets
import Foundation
import Torch

/// What is known of the images of a training beyond their captions, so that do(z) can change both.
package struct Scenes: Sendable {
  /// The reference masks, bool n×1×S×S.
  package let masks: Tensor
  /// The visible lesion class of each image; nil without a lesion.
  package let lesions: [String?]
  /// The names of the confounders that are known to be visible in each image.
  package let confounders: [Set<String>]
  /// The words of the captions, and the mechanisms of do(z).
  package let prompts: PromptSet

  /// Returns every sentence that is true of an image after do(z).
  ///
  /// - Parameters:
  ///   - row: the image.
  ///   - name: the confounder z; nil for the image as it is.
  /// - Returns: the sentences, in the order of the prompts.
  func captions(_ row: Int, doing name: String?) -> [String] {
    prompts.captions(lesion: lesions[row], confounders: confounders[row].union(name.map { [$0] } ?? []))
  }

  /// Every sentence that can be true of an image after do(z), and the words of all classes.
  var sentences: Set<String> {
    let names = prompts.confounders.filter { $0.mechanism != nil }.map(\.name)
    let all = Set(lesions).flatMap { lesion in
      names.flatMap { prompts.captions(lesion: lesion, confounders: [$0]) }
    }
    return Set(all + prompts.classPrompts + prompts.normal)
  }

  /// Joins the scenes of two sets of images that have the same prompts.
  func joined(with other: Scenes) throws -> Scenes {
    Scenes(
      masks: try .concatenated([masks, other.masks], dim: 0), lesions: lesions + other.lesions,
      confounders: confounders + other.confounders, prompts: prompts)
  }
}

extension CaptionedImages {
  /// Reads the images of sites; captions state the lesion class, or that there is no lesion.
  ///
  /// What else an image shows is not known, so no caption names a confounder. do(z) adds them.
  ///
  /// - Parameters:
  ///   - samples: the images, each with its class unless its mask is empty.
  ///   - reader: reads and scales the files.
  ///   - prompts: the words of the captions.
  ///   - progress: receives the number of finished images, from any thread.
  /// - Throws: `PretrainingError.noClass` for a lesion without a class, or an error that names an
  ///   unreadable file.
  package init(
    samples: [Sample], reader: SampleReader, prompts: PromptSet,
    progress: @escaping @Sendable (Int) -> Void = { _ in }
  ) throws {
    let bank = try SampleBank(samples, reader: reader, progress: progress)
    let pairs = try samples.indices.map(bank.pair)
    // One of several processes may have no image.
    let none = try Tensor.zeros([0, 3, reader.size, reader.size], dtype: .uint8)
    let masks =
      pairs.isEmpty
      ? try Tensor.zeros([0, 1, reader.size, reader.size], dtype: .bool)
      : try Tensor.stacked(pairs.map(\.mask)).expandedDimension(1)
    let areas = try masks.to(.float32).sum([1, 2, 3]).floats()
    let lesions: [String?] = try zip(samples, areas).map { sample, area in
      guard area > 0 else { return nil }
      guard let name = sample.lesionClass else { throw PretrainingError.noClass(sample.image) }
      return name
    }
    let scenes = Scenes(
      masks: masks, lesions: lesions, confounders: samples.map { _ in [] }, prompts: prompts)
    self.init(
      pixels: pairs.isEmpty ? none : try Tensor.stacked(pairs.map(\.image)),
      captions: samples.indices.map { scenes.captions($0, doing: nil) }, scenes: scenes)
  }
}
