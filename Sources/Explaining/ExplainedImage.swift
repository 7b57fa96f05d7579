import Metrics
import Storage

/// What one image tells about a model: `images` of `explanation.json`
/// (docs/reference/explanation-format.md).
///
/// Lists over confounders are M long, in the order of the document's `confounders`. Masks are compared at S×S, the size
/// that the network sees.
package struct ExplainedImage: Codable, Equatable, Sendable {
  /// A confounder set at a strength, and what changed.
  package struct Step: Codable, Equatable, Sendable {
    /// The confounder that was set.
    package var confounder: String
    /// How strongly, 0 to 1.
    package var strength: Double
    /// Dice of the mask with the untouched image's, moved with the picture where the mechanism moves it; two empty masks
    /// agree.
    package var dice: Double
    /// IoU of the same two.
    package var iou: Double
    /// The share of the picture that is lesion, by the model.
    package var lesionShare: Double
    /// The same of the untouched image's mask, moved with the picture.
    package var lesionShareBefore: Double
    /// 1 − cosine of F, mean over positions, with that of the untouched image.
    package var shift: Double
    /// The same of F_ca; nil without an intervention.
    @Nullable package var shiftIntervened: Double?
    /// The Euclidean distance between the two F, mean over positions.
    package var distance: Double
    /// The same of F_ca; nil without an intervention.
    @Nullable package var distanceIntervened: Double?
    /// The mean attention to the confounder that was set; nil where the model does not attend.
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

    /// Joins the parts.
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

  /// The mask that the same model draws with its intervention off, beside the one with it on.
  package struct Off: Codable, Equatable, Sendable {
    /// Dice of the two masks; two empty ones agree.
    package var dice: Double
    /// The share of the picture that is lesion with the intervention off.
    package var lesionShare: Double

    enum CodingKeys: String, CodingKey {
      case dice
      case lesionShare = "lesion_share"
    }

    /// Joins the parts.
    package init(dice: Double, lesionShare: Double) {
      self.dice = dice
      self.lesionShare = lesionShare
    }
  }

  /// A picture of the image, in the folder of the explanation.
  package struct Picture: Codable, Equatable, Sendable {
    /// What it shows.
    package var label: String
    /// Its path in the folder.
    package var file: String

    /// Joins the parts.
    package init(label: String, file: String) {
      self.label = label
      self.file = file
    }
  }

  /// Its name, which its files carry.
  package var name: String
  /// The image file.
  package var file: String
  /// Images of one group (a patient) are resampled together.
  package var group: String
  /// Its lesion class where the data states one.
  @Nullable package var lesionClass: String?
  /// Pixels across.
  package var width: Int
  /// Pixels down.
  package var height: Int
  /// The share of the picture that is lesion, by the model.
  package var lesionShare: Double
  /// The mean over positions of each confounder's weight; nil where the model does not attend.
  @Nullable package var attention: [Double]?
  /// The lowest weight of each at any position.
  @Nullable package var attentionLow: [Double]?
  /// The highest weight of each at any position.
  @Nullable package var attentionHigh: [Double]?
  /// softmax over the confounders of cos(image, z) / 0.01.
  package var zeroShot: [Double]
  /// cos(image, z).
  package var cosine: [Double]
  /// What the model's own evidence term alone would attend to; nil without one.
  @Nullable package var evidence: [Double]?
  /// The true strengths of the confounders that are in the image, where they are recorded; nil where nothing is known.
  @Nullable package var truth: [String: Double]?
  /// The mask with the intervention off; nil for a model without one.
  @Nullable package var off: Off?
  /// Dice of the mask with the reference; nil without one.
  @Nullable package var diceWithReference: Double?
  /// AUC of the region score against the reference; nil without a lesion in it.
  @Nullable package var regionAUC: Double?
  /// The sweep.
  package var steps: [Step]
  /// The pictures that were drawn.
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

  /// Joins the parts; pictures come later.
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
