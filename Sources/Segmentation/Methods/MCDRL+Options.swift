import Confounders
import Storage

/// The content of the positions that were not selected (ours).
public enum Fill: String, NamedChoice, Sendable {
  /// The unchanged features C.
  case features
  /// Zeros.
  case zeros
  /// One trained vector.
  case learned
}

/// The form of S^.
///
/// Its parts are the cosines S_k with the class prompts and S_normal with the sentences for normal
/// images.
public enum RegionScore: String, NamedChoice, Sendable {
  /// max_k S_k, the paper's.
  case max
  /// max_k S_k − S_normal (ours; without it plain CLIP localises poorly).
  case lessNormal = "less-normal"
  /// The probability of any lesion, by a softmax over classes and normal (ours).
  case softmax
}

/// The selection of positions in training; inference always selects the N highest.
public enum RegionSelecting: String, NamedChoice, Sendable {
  /// The N highest.
  case hard
  /// All positions, each weighted by a gate (ours).
  ///
  /// The gate is half open midway between the N-th highest score and the next.
  case soft
}

/// The settings of region selection.
public struct RegionConfiguration: Codable, Equatable, Sendable {
  /// The selected fraction alpha of the positions.
  public var fraction = 0.5
  /// The form of S^.
  public var score = RegionScore.lessNormal
  /// The divisor of cosines in the softmax and of S^ in the gate; CLIP's own is 0.01.
  public var temperature = 0.01
  /// The selection of positions in training.
  public var selection = RegionSelecting.hard
  /// The content of the positions that were not selected.
  public var fill = Fill.features

  /// Makes the defaults.
  public init() {}
}

/// The settings of the intervention network.
public struct InterventionConfiguration: Codable, Equatable, Sendable {
  /// The number of layers.
  public var depth = 3
  /// The number of attention heads; must divide the width.
  public var heads = 4
  /// The width inside the layers; nil for the width of the features.
  @Nullable public var width: Int?
  /// The way to compute the sum over confounders.
  public var adjustment = Adjustment.attention
  /// The source of Z.
  public var dictionary = DictionarySource.words
  /// The initial factor of the cosine of the image with each z in the attention; 0 for none.
  public var evidence = 0.0
  /// The factor of the output projections' initial weights.
  public var outputScale = 0.1

  /// Makes the defaults.
  public init() {}
}

extension MCDRL {
  /// The options of the method: its parts and the weights of its losses.
  public struct Options: MethodOptions {
    /// Region selection with L_contrast; nil turns both off (`no-mtrs`).
    @Nullable public var region: RegionConfiguration? = RegionConfiguration()
    /// The intervention with L_causal; nil turns both off (`no-cdrl`).
    @Nullable public var intervention: InterventionConfiguration? = InterventionConfiguration()
    /// The fraction of the epochs after which the intervention is on; 10 of 50 in the paper.
    public var start = 0.2
    /// The weight of L_causal.
    public var causal = 0.5
    /// The weight of L_contrast.
    public var contrast = 0.1
    /// The temperature tau of L_contrast.
    public var temperature = 0.5
    /// The weight of the distance between the head's grids of x and do(z)x (ours).
    public var invariance = 0.5
    /// The weight of the cross-entropy of the attention with the applied z (ours).
    public var attention = 0.1

    /// Makes the paper's weights plus the terms for training on interventions.
    public init() {}

    /// Checks the values.
    ///
    /// - Throws: `MethodError.option` that names the option.
    public func validate() throws {
      try require("start", start, in: 0...1)
      for (name, value) in [
        ("causal", causal), ("contrast", contrast), ("invariance", invariance), ("attention", attention),
        ("intervention.evidence", intervention?.evidence ?? 0),
      ] {
        try require(name, value, in: 0...Double.greatestFiniteMagnitude)
      }
      try require(temperature > 0 && temperature.isFinite, "temperature", "\(temperature)", "above 0")
      if let region {
        try require(
          region.fraction > 0 && region.fraction <= 1, "region.fraction", "\(region.fraction)",
          "above 0 and at most 1")
        try require(
          region.temperature > 0 && region.temperature.isFinite, "region.temperature",
          "\(region.temperature)", "above 0")
      }
      if let intervention {
        try require("intervention.depth", intervention.depth, in: 1...1000)
        try require("intervention.heads", intervention.heads, in: 1...65_536)
        if let width = intervention.width { try require("intervention.width", width, in: 1...65_536) }
      }
    }
  }
}
