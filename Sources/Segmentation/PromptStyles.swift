import CLIP
import Torch

/// Words that intervene: changes of an early layer's channel statistics that the words of a confounder give.
///
/// Prompt-driven instance normalisation of Fahes, Vu, Bursuc, Pérez and de Charette, PØDA: Prompt-driven
/// Zero-shot Domain Adaptation, ICCV 2023. For an image and an entry, mean and deviation of every
/// channel of an early layer are found by which the image embedding moves toward the embedded words.
/// What varies over positions, the content, stays. Images alone are needed, no mechanism.
///
/// Here a style is kept as a change of an image's own statistics, in units of them: μ + σ·a and
/// σ·e^b. So a style found on one image can act on another one, at any strength.
package struct PromptStyles: Sendable {
  /// The number of tower layers (of a ResNet: stages) before the styles act.
  package let depth: Int
  /// a: the shifts of the means, in deviations, M×n×c.
  package let shifts: Tensor
  /// b: the logarithms of the factors of the deviations, M×n×c.
  package let scales: Tensor

  /// The number of confounders M.
  package var confounders: Int { shifts.shape[0] }
  /// The number of styles n of each confounder.
  package var count: Int { shifts.shape[1] }

  /// Makes styles from their parts.
  package init(depth: Int, shifts: Tensor, scales: Tensor) {
    self.depth = depth
    self.shifts = shifts
    self.scales = scales
  }

  /// The search for styles.
  package struct Search: Sendable {
    /// The number of layers before the styles act.
    package var depth = 1
    /// The number of steps.
    package var steps = 60
    /// The learning rate of shifts and scales, in deviations and in logarithms.
    package var rate = 0.05
    /// The pull of shifts and scales back to 0, so that an image stays what it is.
    package var decay = 0.02

    /// Makes the default search (ours; the paper's steps are 100, on CLIP's ResNet).
    package init() {}
  }

  /// Finds a style for every image and confounder.
  ///
  /// - Parameters:
  ///   - tower: the tower with its words; it is in evaluation mode and its weights get no gradients.
  ///   - pixels: n×3×S×S, normalised by CLIP's mean and deviation.
  ///   - words: the embedded confounder prompts, M×d.
  ///   - entries: the confounders to search for; those of the others are 0. Nil for all.
  ///   - search: the settings of the search.
  ///   - progress: receives the number of finished confounders.
  /// - Returns: the styles, n of each confounder.
  /// - Throws: `TorchError` if the shapes do not fit.
  package static func mined(
    _ tower: ImageTower, pixels: Tensor, words: Tensor, entries: Set<Int>? = nil, search: Search = Search(),
    progress: (Int) -> Void = { _ in }
  ) throws -> PromptStyles {
    let trunk = try withoutGradients { try tower.trunk(pixels, depth: search.depth) }
    let count = try trunk.input.size(0)
    let statistics = try withoutGradients { try Statistics(trunk.input) }
    let channels = statistics.mean.count / max(1, count)
    var (shifts, scales): ([Tensor], [Tensor]) = ([], [])
    var finished = 0
    for entry in 0..<(try words.size(0)) {
      let (shift, scale) = (try Tensor.zeros([count, channels]), try Tensor.zeros([count, channels]))
      guard entries?.contains(entry) ?? true else {
        shifts.append(shift)
        scales.append(scale)
        continue
      }
      let target = try words.narrowed(dim: 0, start: entry, length: 1).normalized()
      let optimizer = try AdamW(groups: [
        ParameterGroup(
          name: "style",
          parameters: [NamedTensor(key: "shift", tensor: shift), NamedTensor(key: "scale", tensor: scale)],
          learningRate: search.rate, weightDecay: search.decay)
      ])
      for _ in 0..<search.steps {
        let moved = trunk.replacingInput(
          try statistics.restyled(trunk.input, shift: shift, scale: scale))
        let embedding = try tower(moved, dense: nil).image.normalized()
        try (1 - (embedding * target).sum([1])).sum().backward()
        try optimizer.step()
        try optimizer.clearGradients()
      }
      shifts.append(try shift.detached())
      scales.append(try scale.detached())
      finished += 1
      progress(finished)
    }
    return PromptStyles(depth: search.depth, shifts: try .stacked(shifts), scales: try .stacked(scales))
  }

  /// A change of one row of a batch.
  package struct Change: Sendable {
    /// The row.
    package let row: Int
    /// The confounder.
    package let entry: Int
    /// The number of its style.
    package let style: Int
    /// The share of the change, 0 to 1.
    package let strength: Double

    /// Makes a change from its parts.
    package init(row: Int, entry: Int, style: Int, strength: Double) {
      (self.row, self.entry, self.style, self.strength) = (row, entry, style, strength)
    }
  }

  /// Restyles some rows of a stopped pass; several changes of one row add up.
  ///
  /// - Parameters:
  ///   - changes: the changes.
  ///   - trunk: a pass that stopped at `depth`, B rows.
  /// - Returns: the pass, with other rows unchanged.
  /// - Throws: `TorchError` if a row, confounder or style does not exist.
  package func applying(_ changes: [Change], to trunk: ImageTrunk) throws -> ImageTrunk {
    guard !changes.isEmpty else { return trunk }
    let input = trunk.input
    // Each change adds its share of a style to its row: B×(M·n) times (M·n)×c.
    let (count, styles) = (try input.size(0), confounders * self.count)
    var weights = [Float](repeating: 0, count: count * styles)
    for change in changes {
      weights[change.row * styles + change.entry * self.count + change.style] += Float(change.strength)
    }
    let weight = try Tensor(weights, shape: [count, styles]).to(input.device)
    func sum(_ part: Tensor) throws -> Tensor {
      try weight.matmul(part.reshaped([styles, -1]).to(input.device))
    }
    let changed = try Statistics(input).restyled(input, shift: sum(shifts), scale: sum(scales))
    let isChanged = try weight.sum([1]).greater(than: 0)
      .reshaped([count] + input.shape.dropFirst().map { _ in 1 })
    return trunk.replacingInput(try isChanged.choose(changed.to(input.dtype), else: input))
  }

  /// Returns the same styles under the names of the next confounders: a control.
  package func shuffled() throws -> PromptStyles {
    PromptStyles(
      depth: depth, shifts: try shifts.rolled([1], dims: [0]), scales: try scales.rolled([1], dims: [0]))
  }

  /// Returns styles toward the statistics of other images, each of the size of the style in its place.
  ///
  /// - Parameters:
  ///   - input: the outputs of the layers before the styles, of the images that they were mined on.
  ///   - generator: the source of the partners.
  /// - Returns: as many styles.
  /// - Throws: `TorchError` with libtorch's message.
  package func towardImages(_ input: Tensor, _ generator: Generator) throws -> PromptStyles {
    let own = try Statistics(input)
    let count = try input.size(0)
    var (steps, factors): ([Tensor], [Tensor]) = ([], [])
    for _ in 0..<confounders {
      // Each image has another one as its partner.
      let step = try Tensor.randomIntegers([1], low: 1, high: max(2, count), generator: generator)
        .array(of: Int.self)[0]
      func partner(_ part: Tensor) throws -> Tensor { try part.rolled([step], dims: [0]) }
      steps.append(try ((partner(own.mean) - own.mean) / own.deviation).reshaped([count, -1]))
      factors.append(try (partner(own.deviation) / own.deviation).log().reshaped([count, -1]))
    }
    return try PromptStyles(depth: depth, shifts: .stacked(steps), scales: .stacked(factors)).sized(as: self)
  }

  /// Returns these styles with the sizes of others.
  private func sized(as other: PromptStyles) throws -> PromptStyles {
    func size(_ styles: PromptStyles) throws -> Tensor {
      try
        (styles.shifts.power(2).sum([2], keepDimensions: true)
        + styles.scales.power(2).sum([2], keepDimensions: true)).squareRoot()
    }
    let factor = try size(other) / size(self).clamped(min: 1e-6)
    return PromptStyles(depth: depth, shifts: try shifts * factor, scales: try scales * factor)
  }

  /// Returns styles of random directions, each of the size of the style in its place: a control.
  ///
  /// - Parameter generator: the source of the directions.
  /// - Returns: as many styles.
  /// - Throws: `TorchError` with libtorch's message.
  package func randomized(_ generator: Generator) throws -> PromptStyles {
    try PromptStyles(
      depth: depth, shifts: .randomNormal(shifts.shape, generator: generator),
      scales: .randomNormal(scales.shape, generator: generator)
    ).sized(as: self)
  }

  /// Mean and deviation of each channel of a layer's output over its positions.
  package struct Statistics {
    package let mean: Tensor
    package let deviation: Tensor
    private let shape: [Int]

    /// Measures B×c×h×w of a convolutional tower, or B×(1+h·w)×c of a transformer.
    package init(_ input: Tensor) throws {
      let positions = input.shape.count == 4 ? [2, 3] : [1]
      let x = try input.to(.float32)
      mean = try x.mean(positions, keepDimensions: true)
      deviation = try (x.variance(positions, keepDimensions: true) + 1e-6).squareRoot()
      shape = mean.shape
    }

    /// Gives the output other statistics: (x − μ)·e^b + μ + σ·a, with a and b of B×c.
    func restyled(_ input: Tensor, shift: Tensor, scale: Tensor) throws -> Tensor {
      try (input.to(.float32) - mean) * scale.reshaped(shape).exp() + mean + deviation * shift.reshaped(shape)
    }
  }
}
