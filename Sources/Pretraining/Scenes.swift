import Confounders
import Datasets
import Foundation
import Torch

/// What is known of the images of a training beyond their captions, so that do(z) can change both.
package struct Scenes: Sendable {
  /// The reference masks of the images that are of no site, bool n×1×S×S.
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
  ///   - samples: the images, each with its class unless its mask is empty; the same in every
  ///     process.
  ///   - reader: reads and scales the files.
  ///   - prompts: the words of the captions.
  ///   - memoryLimit: the memory for decoded images in bytes; nil for what is left of
  ///     `ImageMemory.shared`. Images beyond are decoded here and at each use.
  ///   - processes: the processes that share the reading; all of them get all images.
  ///   - progress: receives the number of finished images of this process, from any thread.
  /// - Throws: `PretrainingError.noClass` for a lesion without a class, or an error that names an
  ///   unreadable file; in all processes.
  package init(
    samples: [Sample], reader: SampleReader, prompts: PromptSet, memoryLimit: Int? = nil,
    sharedBy processes: Processes = .alone, progress: @escaping @Sendable (Int) -> Void = { _ in }
  ) throws {
    let done = Tally()
    let bank = try SampleBank(samples, reader: reader, memoryLimit: memoryLimit, sharedBy: processes) { _ in
      progress(done.add())
    }
    let decoded = samples.count - bank.undecodedCount
    let lesions = try processes.inParts(count: samples.count) { part in
      try concurrentMap(count: part.count) { index -> String? in
        let (row, sample) = (part.lowerBound + index, samples[part.lowerBound + index])
        let area = try bank.pair(row).mask.to(.float32).sum().item()
        if row >= decoded { progress(done.add()) }
        guard area > 0 else { return nil }
        guard let name = sample.lesionClass else { throw PretrainingError.noClass(sample.image) }
        return name
      }
    }
    let plane = [reader.size, reader.size]
    let scenes = Scenes(
      masks: try .zeros([0, 1] + plane, dtype: .bool), lesions: lesions,
      confounders: samples.map { _ in [] }, prompts: prompts)
    self.init(
      bank: bank, pixels: try .zeros([0, 3] + plane, dtype: .uint8),
      captions: samples.indices.map { scenes.captions($0, doing: nil) }, scenes: scenes)
  }

  /// The number of images that are decoded at each use.
  package var undecodedCount: Int { bank?.undecodedCount ?? 0 }
}
