import Metrics
import Storage

/// The explanation of one image: `images` of `explanation.json`.
///
/// See docs/reference/explanation-format.md. Lists over confounders have length M, in the order of
/// the document's `confounders`. Masks are compared at S×S, the input size of the network.
package struct ExplainedImage: Codable, Equatable, Sendable {
  /// One confounder applied at one strength, and its effect.
  package struct Step: Codable, Equatable, Sendable {
    /// The applied confounder.
    package var confounder: String
    /// The strength, 0 to 1.
    package var strength: Double
    /// Dice of the mask with the mask of the unchanged image; two empty masks agree.
    ///
    /// If the mechanism moves the image, the second mask moves with it.
    package var dice: Double
    /// IoU of the same two masks.
    package var iou: Double
    /// The predicted share of lesion in the image.
    package var lesionShare: Double
    /// The same share in the mask of the unchanged image, moved with the image.
    package var lesionShareBefore: Double
    /// 1 − cosine of F, mean over positions, with F of the unchanged image.
    package var shift: Double
    /// The same of F_ca; nil without an intervention.
    @Nullable package var shiftIntervened: Double?
    /// The Euclidean distance between the two F, mean over positions.
    package var distance: Double
    /// The same of F_ca; nil without an intervention.
    @Nullable package var distanceIntervened: Double?
    /// The mean attention to the applied confounder; nil if the model has no attention.
    @Nullable package var attention: Double?

    enum CodingKeys: String, CodingKey {
      case confounder, strength, dice, iou, attention
      case lesionShare = "lesion_share"
      case lesionShareBefore = "lesion_share_before"
      case shift = "shift_f"
      case shiftIntervened = "shift_f_ca"
      case distance = "distance_f"
      case distanceIntervened = "distance_f_ca"
    }

    /// Makes a step from its parts.
    package init(
      confounder: String, strength: Double, dice: Double, iou: Double, lesionShare: Double,
      lesionShareBefore: Double, shift: Double, shiftIntervened: Double?, distance: Double,
      distanceIntervened: Double?, attention: Double?
    ) {
      self.confounder = confounder
      self.strength = strength
      self.dice = dice
      self.iou = iou
      self.lesionShare = lesionShare
      self.lesionShareBefore = lesionShareBefore
      self.shift = shift
      self.shiftIntervened = shiftIntervened
      self.distance = distance
      self.distanceIntervened = distanceIntervened
      self.attention = attention
    }
  }

  /// The mask of the same model with its intervention off, compared with the mask with it on.
  package struct Off: Codable, Equatable, Sendable {
    /// Dice of the two masks; two empty masks agree.
    package var dice: Double
    /// The predicted share of lesion with the intervention off.
    package var lesionShare: Double

    enum CodingKeys: String, CodingKey {
      case dice
      case lesionShare = "lesion_share"
    }

    /// Makes a value from its parts.
    package init(dice: Double, lesionShare: Double) {
      self.dice = dice
      self.lesionShare = lesionShare
    }
  }

  /// A picture for the image, in the folder of the explanation.
  package struct Picture: Codable, Equatable, Sendable {
    /// The content of the picture.
    package var label: String
    /// Its path in the folder.
    package var file: String

    /// Makes a picture from its parts.
    package init(label: String, file: String) {
      self.label = label
      self.file = file
    }
  }

  /// The name of the image, which is in the names of its files.
  package var name: String
  /// The image file.
  package var file: String
  /// Images of one group (a patient) are resampled together.
  package var group: String
  /// Its lesion class, if the data states one.
  @Nullable package var lesionClass: String?
  /// The width in pixels.
  package var width: Int
  /// The height in pixels.
  package var height: Int
  /// The predicted share of lesion in the image.
  package var lesionShare: Double
  /// The mean over positions of each confounder's weight; nil if the model has no attention.
  @Nullable package var attention: [Double]?
  /// The lowest weight of each at any position.
  @Nullable package var attentionLow: [Double]?
  /// The highest weight of each at any position.
  @Nullable package var attentionHigh: [Double]?
  /// softmax over the confounders of cos(image, z) / 0.01.
  package var zeroShot: [Double]
  /// cos(image, z).
  package var cosine: [Double]
  /// The attention from the model's own evidence term alone; nil without one.
  @Nullable package var evidence: [Double]?
  /// The true strengths of the confounders in the image; nil if they are not recorded.
  @Nullable package var truth: [String: Double]?
  /// The result with the intervention off; nil for a model without one.
  @Nullable package var off: Off?
  /// Dice of the mask with the reference; nil without one.
  @Nullable package var diceWithReference: Double?
  /// AUC of the region score against the reference; nil without a lesion in it.
  @Nullable package var regionAUC: Double?
  /// The steps of the sweep.
  package var steps: [Step]
  /// The pictures.
  package var pictures: [Picture] = []

  enum CodingKeys: String, CodingKey {
    case name, file, group, width, height, attention, cosine, evidence, truth, pictures
    case lesionClass = "class"
    case lesionShare = "lesion_share"
    case attentionLow = "attention_low"
    case attentionHigh = "attention_high"
    case zeroShot = "zero_shot"
    case off = "intervention_off"
    case diceWithReference = "dice_with_reference"
    case regionAUC = "region_auc"
    case steps = "sweep"
  }

  /// Makes an image from its parts; pictures come later.
  package init(
    name: String, file: String, group: String, lesionClass: String?, width: Int, height: Int,
    lesionShare: Double, attention: [Double]?, attentionLow: [Double]?, attentionHigh: [Double]?,
    zeroShot: [Double], cosine: [Double], evidence: [Double]?, truth: [String: Double]?, off: Off?,
    diceWithReference: Double?, regionAUC: Double?, steps: [Step]
  ) {
    self.name = name
    self.file = file
    self.group = group
    self.width = width
    self.height = height
    self.lesionShare = lesionShare
    self.zeroShot = zeroShot
    self.cosine = cosine
    self.steps = steps
    self.lesionClass = lesionClass
    self.attention = attention
    self.attentionLow = attentionLow
    self.attentionHigh = attentionHigh
    self.evidence = evidence
    self.truth = truth
    self.off = off
    self.diceWithReference = diceWithReference
    self.regionAUC = regionAUC
  }
}
