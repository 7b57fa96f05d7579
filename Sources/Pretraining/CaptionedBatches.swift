import CLIP
import Confounders
import Datasets
import Torch

/// The data of one step of contrastive training, for B images and U sentences.
///
/// Of several processes each has the pixels of n of the B images, and the captions of all.
struct CaptionedBatch: Sendable {
  /// What masks and classes say of the images of this process.
  struct Known: Sendable {
    /// 0 or 1, n×1×S×S.
    let masks: Tensor
    /// The share of each sentence in the class words of each image, n×U.
    let lesions: Tensor
    /// The share of each sentence in the words for normal images, U.
    let normal: Tensor
  }

  /// n×3×S×S, normalised.
  let pixels: Tensor
  /// int64, U×L.
  let ids: Tensor
  /// 1 where a caption is true of an image, else 0; B×U.
  let truth: Tensor
  /// What masks and classes say; nil unless the loss uses it.
  let known: Known?
}

/// A maker of batches; the random choices of a batch follow from seed and step.
struct CaptionedBatches: Sendable {
  private let configuration: PretrainingConfiguration
  private let images: CaptionedImages
  private let tokens: [String: [Int]]
  private let preparation: ImagePreparation
  private let pad: Int
  private let interventions: Interventions?
  /// The places of this process's images in a batch.
  private let part: Range<Int>

  init(
    configuration: PretrainingConfiguration, clip: CLIPModel, images: CaptionedImages, part: Range<Int>
  ) {
    self.configuration = configuration
    self.images = images
    self.part = part
    preparation = clip.preparation
    pad = clip.tokenizer.padToken
    interventions = images.scenes.map { Interventions($0.prompts) }
    let window = clip.configuration.text.positions
    // Every sentence is tokenised once. Rows are cut to the longest sentence of the batch.
    tokens = Dictionary(
      uniqueKeysWithValues: images.sentences(for: configuration).map {
        ($0, clip.tokenizer.encode($0, window: window))
      })
  }

  /// Prepares the batches from a step to the last one before their use.
  func from(step first: Int) -> Prefetcher<CaptionedBatch> {
    let maker = self
    return Prefetcher(first..<configuration.steps, for: .cpu) { try maker.batch($0) }
  }

  private func batch(_ step: Int) throws -> CaptionedBatch {
    let generator = try Generator(seed: configuration.seed, for: "pretraining", "\(step)")
    let count = configuration.batchSize
    let indices = try Tensor.randomIntegers([count], high: images.count, generator: generator)
    let rows = try indices.array(of: Int.self)
    // Each image uses its captions with the smallest random numbers.
    let draws = try Tensor.randomUniform([count, 256], generator: generator).floats()
    // Every process draws for the whole batch, and makes only its own images of it.
    var (pixels, masks) = try images.batch(Array(rows[part]))
    if configuration.flips {
      for dim in [2, 3] {
        let mirrored = try Tensor.randomUniform([count, 1, 1, 1], generator: generator)
          .narrowed(dim: 0, start: part.lowerBound, length: part.count).less(than: 0.5)
        pixels = try mirrored.choose(pixels.flipped([dim]), else: pixels)
        masks = try masks.map { try mirrored.choose($0.flipped([dim]), else: $0) }
      }
    }
    let done = try intervened(&pixels, &masks, generator)
    let captions = rows.enumerated().map { place, row in
      place < done.count
        ? images.scenes?.captions(row, doing: done[place]) ?? images.captions[row] : images.captions[row]
    }
    var sentences = Set<String>()
    for (place, own) in captions.enumerated() {
      let order = own.indices.sorted { draws[place * 256 + $0 % 256] < draws[place * 256 + $1 % 256] }
      sentences.formUnion(order.prefix(configuration.captionsPerImage).map { own[$0] })
    }
    let scenes = configuration.maskWeight > 0 ? images.scenes : nil
    if let scenes { sentences.formUnion(Self.classWords(scenes, rows).joined() + scenes.prompts.normal) }
    let texts = sentences.sorted()
    let truth = captions.flatMap { own in
      let own = Set(own)
      return texts.map { own.contains($0) ? Float(1) : 0 }
    }
    let ids = texts.map { tokens[$0] ?? [] }
    let longest = ids.map(\.count).max() ?? 0
    let padded = ids.flatMap { $0 + Array(repeating: pad, count: longest - $0.count) }
    let (mean, deviation) = (preparation.mean, preparation.deviation)
    return CaptionedBatch(
      pixels: try (pixels - Tensor(mean.map(Float.init), shape: [1, 3, 1, 1]))
        / Tensor(deviation.map(Float.init), shape: [1, 3, 1, 1]),
      ids: try Tensor(padded, shape: [texts.count, longest]),
      truth: try Tensor(truth, shape: [count, texts.count]),
      known: try scenes.flatMap { scenes in
        try masks.map { try Self.known(Self.classWords(scenes, rows)[part], scenes, texts, masks: $0) }
      })
  }

  /// Applies do(z) to the first images of a batch, as far as this process has them.
  ///
  /// - Returns: the name of the confounder z of each of the first images of the whole batch.
  private func intervened(
    _ pixels: inout Tensor, _ masks: inout Tensor?, _ generator: Generator
  ) throws -> [String] {
    let count = Int((configuration.interventionShare * Double(configuration.batchSize)).rounded())
    guard count > 0, let interventions, let known = masks else { return [] }
    let draws = try interventions.draws(count, generator: generator)
    let names = draws.confounders.map { interventions.names[$0] }
    let changed = part.clamped(to: 0..<count)
    guard !changed.isEmpty else { return names }
    func parts(_ tensor: Tensor) throws -> (first: Tensor, rest: Tensor) {
      (
        try tensor.narrowed(dim: 0, start: 0, length: changed.count),
        try tensor.narrowed(dim: 0, start: changed.count, length: part.count - changed.count)
      )
    }
    let (images, marks) = (try parts(pixels), try parts(known))
    let done = try interventions(draws, rows: Array(changed), images: images.first, masks: marks.first)
    pixels = try .concatenated([done.images, images.rest], dim: 0)
    masks = try .concatenated([done.masks, marks.rest], dim: 0)
    return names
  }

  /// Returns the class words of each image; without a lesion those of the first class of the batch.
  private static func classWords(_ scenes: Scenes, _ rows: [Int]) -> [[String]] {
    let standard = rows.lazy.compactMap { scenes.lesions[$0] }.first ?? scenes.prompts.classes[0]
    return rows.map { scenes.prompts.prompts(class: scenes.lesions[$0] ?? standard) }
  }

  /// Returns what masks and classes say of images.
  private static func known(
    _ words: ArraySlice<[String]>, _ scenes: Scenes, _ texts: [String], masks: Tensor
  ) throws -> CaptionedBatch.Known {
    func shares(_ words: [String]) -> [Float] {
      texts.map { words.contains($0) ? 1 / Float(words.count) : 0 }
    }
    return CaptionedBatch.Known(
      masks: masks,
      lesions: try Tensor(words.flatMap(shares), shape: [words.count, texts.count]),
      normal: try Tensor(shares(scenes.prompts.normal), shape: [texts.count]))
  }
}
