import Torch

/// What stands at the positions that were not selected (ours).
package enum Fill: String, Codable, Sendable, CaseIterable {
  /// The features C as they were.
  case features
  /// Zeros.
  case zeros
  /// One trained vector.
  case learned
}

/// What S^ is made of: the cosines S_k with the class prompts and S_normal with the sentences for normal
/// images.
package enum RegionScore: String, Codable, Sendable, CaseIterable {
  /// max_k S_k, the paper's.
  case max
  /// max_k S_k − S_normal (ours; without it plain CLIP localises poorly).
  case lessNormal = "less-normal"
  /// How likely any lesion is rather than a normal position, by a softmax over classes and normal (ours).
  case softmax
}

/// How positions are selected while the model is trained; otherwise the N highest always are.
package enum RegionSelecting: String, Codable, Sendable, CaseIterable {
  /// The N highest.
  case hard
  /// All of them, each as much as a gate says that is half open between the N-th highest score and the next
  /// (ours).
  case soft
}

/// The settings of region selection.
package struct RegionConfiguration: Codable, Equatable, Sendable {
  /// alpha: the share of positions that are kept.
  package var fraction = 0.5
  /// What S^ is made of.
  package var score = RegionScore.lessNormal
  /// What cosines are divided by in the softmax, and S^ in the gate; CLIP's own is 0.01.
  package var temperature = 0.01
  /// How positions are selected in training.
  package var selection = RegionSelecting.hard
  /// What stands at the other positions.
  package var fill = Fill.features

  /// The defaults.
  package init() {}
}

/// Where P(z) comes from (ours).
package enum Prior: String, Codable, Sendable, CaseIterable {
  /// Every confounder is as likely as any other.
  case uniform
  /// The mean zero-shot posterior of the training images.
  case estimated
}

/// What stands in the place of Z; all but the words are controls (ours).
package enum DictionarySource: String, Codable, Sendable, CaseIterable {
  /// The embedded confounder prompts.
  case words
  /// One trained vector: the same blocks and parameters, and nothing to attend to.
  case constant
  /// Random directions, one for each confounder.
  case random
  /// The embedded prompts, each under another confounder's name.
  case shuffled
}

/// The settings of the intervention network.
package struct InterventionConfiguration: Codable, Equatable, Sendable {
  /// Layers.
  package var depth = 3
  /// Attention heads; must divide the width.
  package var heads = 4
  /// Width inside the layers; 0 for that of the features.
  package var width = 0
  /// How the sum over confounders is carried out.
  package var adjustment = Adjustment.attention
  /// Where P(z) comes from.
  package var prior = Prior.uniform
  /// What stands in the place of Z.
  package var dictionary = DictionarySource.words
  /// What the cosine of the image with each z is multiplied by at the start, as evidence in the attention; 0 for none.
  package var evidence = 0.0
  /// What the output projections' first weights are multiplied by.
  package var outputScale = 0.1

  /// The defaults.
  package init() {}
}

/// The shape of a segmentation model beyond its image tower.
package struct ModelConfiguration: Codable, Equatable, Sendable {
  /// Which parts of the method are on.
  package var method = Method.mcdrl
  /// The name of the dense extractor: `tokens`, `maskclip` or `sclip`.
  package var dense = "maskclip"
  /// Region selection.
  package var region = RegionConfiguration()
  /// The intervention network.
  package var intervention = InterventionConfiguration()
  /// The head.
  package var head = HeadConfiguration()
  /// Settings of a method that plugs in (`SegmentationMethod`), over its defaults.
  package var options: [String: Double] = [:]

  /// The defaults.
  package init() {}

  /// The layers of a tower whose outputs are asked for: the head's, or where it names none those of the method.
  func towerLayers(depth: Int) -> [Int] {
    let needed = (method.plugin?.towerDepths ?? []).map { max(1, Int((Double(depth) * $0).rounded())) }
    return head.towerLayers.isEmpty ? Set(needed).sorted() : head.towerLayers
  }
}
