import Confounders
import Storage

/// The positions that were not selected (ours).
public enum Fill: String, Codable, Sendable, CaseIterable {
  /// The features C as they were.
  case features
  /// Zeros.
  case zeros
  /// One trained vector.
  case learned
}

/// The parts of S^: the cosines S_k with the class prompts and S_normal with the sentences for normal images.
public enum RegionScore: String, Codable, Sendable, CaseIterable {
  /// max_k S_k, the paper's.
  case max
  /// max_k S_k − S_normal (ours; without it plain CLIP localises poorly).
  case lessNormal = "less-normal"
  /// The probability of any lesion rather than a normal position, by a softmax over classes and normal (ours).
  case softmax
}

/// The way in which positions are selected in training; in inference the N highest always are.
public enum RegionSelecting: String, Codable, Sendable, CaseIterable {
  /// The N highest.
  case hard
  /// All of them, each as far as a gate is open that is half open between the N-th highest score and the next (ours).
  case soft
}

/// The settings of region selection.
public struct RegionConfiguration: Codable, Equatable, Sendable {
  /// alpha: the selected share of the positions.
  public var fraction = 0.5
  /// The parts of S^.
  public var score = RegionScore.lessNormal
  /// The divisor of cosines in the softmax, and of S^ in the gate; CLIP's own is 0.01.
  public var temperature = 0.01
  /// How positions are selected in training.
  public var selection = RegionSelecting.hard
  /// The content of the other positions.
  public var fill = Fill.features

  /// The defaults.
  public init() {}
}

/// The settings of the intervention network.
public struct InterventionConfiguration: Codable, Equatable, Sendable {
  /// Layers.
  public var depth = 3
  /// Attention heads; must divide the width.
  public var heads = 4
  /// Width inside the layers; nil for that of the features.
  @Nullable public var width: Int?
  /// How the sum over confounders is carried out.
  public var adjustment = Adjustment.attention
  /// The source of Z.
  public var dictionary = DictionarySource.words
  /// The first factor of the cosine of the image with each z, as evidence in the attention; 0 for none.
  public var evidence = 0.0
  /// The factor of the output projections' first weights.
  public var outputScale = 0.1

  /// The defaults.
  public init() {}
}

extension MCDRL {
  /// The options of the method: its parts and the weights of its losses.
  public struct Options: MethodOptions {
    /// Region selection with L_contrast; nil turns both off (`no-mtrs`).
    @Nullable public var region: RegionConfiguration? = RegionConfiguration()
    /// The intervention with L_causal; nil turns both off (`no-cdrl`).
    @Nullable public var intervention: InterventionConfiguration? = InterventionConfiguration()
    /// The share of the epochs after which the intervention is on; 10 of 50 in the paper.
    public var start = 0.2
    /// The weight of L_causal.
    public var causal = 0.5
    /// The weight of L_contrast.
    public var contrast = 0.1
    /// tau of L_contrast.
    public var temperature = 0.5
    /// The weight of the distance between the grids of x and of do(z)x that the head reads (ours).
    public var invariance = 0.5
    /// The weight of the cross-entropy of the attention with the z that was set (ours).
    public var attention = 0.1

    /// The paper's weights, with the terms of training on interventions added.
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
