import Metrics
import Storage

/// A model card: what a run knows of itself, for people who judge or use its model.
///
/// The parts follow Mitchell et al., "Model Cards for Model Reporting" (FAT* 2019): the model, its
/// use, its data, its training, its scores with intervals, warnings and limits, licences. Nothing
/// is in it that the run folder, or the study beside it, does not hold. It has no date and no place
/// on a machine, so that the same run gives the same card.
package struct ModelCard: Encodable, Equatable, Sendable {
  /// The heading.
  package let title: String
  /// Whom to ask; nil if it was not given.
  @Nullable package private(set) var contact: String?
  /// What the model is.
  package let model: Model
  /// How it was trained.
  package let training: Training
  /// The training sites.
  package let sites: [Site]
  /// The site that took no part in training; nil for a model of all sites.
  @Nullable package private(set) var heldOut: String?
  /// The result of the search for the same patient or image at two sites; nil if none is recorded.
  @Nullable package private(set) var leakage: String?
  /// The scores on the validation images of the training sites; nil without such images.
  @Nullable package private(set) var validation: Validation?
  /// The scores at sites, in the order of their names.
  package let evaluations: [Evaluation]
  /// How sure the model says that it is; nil without a calibration.
  @Nullable package private(set) var certainty: Certainty?
  /// The study that held every site out in turn; nil if none was given.
  @Nullable package private(set) var study: StudyEvidence?
  /// What to know before the model is used, a sentence each.
  package let warnings: [String]
  /// The uses that the model is made for, and those that it is not.
  package let uses: Uses
  /// What the scores cannot tell, a sentence each.
  package let limits: [String]
  /// The licences that the CLIP folder states for its weights.
  package let weightLicences: [Licence]
  /// The software in the program, with its licences.
  package let software: [Licence]
  /// Every setting by its dotted name, without folders of a machine.
  package let settings: [String: JSONValue]

  enum CodingKeys: String, CodingKey {
    case title, contact, model, training, sites, leakage, validation, evaluations, certainty, study, warnings
    case uses, limits, software, settings
    case heldOut = "held_out"
    case weightLicences = "licences_of_weights"
  }

  init(
    _ facts: CardFacts, title: String?, contact: String?, study: StudyEvidence?, software: [Licence]
  ) throws {
    self.title = title ?? facts.title
    (model, training, sites) = (try facts.model, try facts.training, facts.sites)
    (evaluations, uses, limits) = (facts.evaluations, facts.uses, facts.limits)
    (weightLicences, self.software, settings) = (facts.weightLicences, software, try facts.settings)
    warnings = try facts.warnings(study)
    self.contact = contact
    heldOut = facts.configuration.holdOut
    leakage = facts.provenance?.leakage
    validation = facts.validation.map(Validation.init)
    certainty = facts.certainty
    self.study = study
  }
}

extension ModelCard {
  /// The uses that the model is made for, and those that it is not, a sentence each.
  package struct Uses: Encodable, Equatable, Sendable {
    /// What it is made for.
    package let intended: [String]
    /// What it is not made for.
    package let outOfScope: [String]

    enum CodingKeys: String, CodingKey {
      case intended
      case outOfScope = "out_of_scope"
    }
  }

  /// A licence, and what it is of.
  package struct Licence: Encodable, Equatable, Sendable {
    /// The software, or the part of the weights and the file that states it.
    package let name: String
    /// The licence as it is stated.
    package let licence: String

    /// Makes the value from its parts.
    package init(name: String, licence: String) { (self.name, self.licence) = (name, licence) }
  }

  /// The images of a training site.
  package struct Site: Encodable, Equatable, Sendable {
    /// The name.
    package let name: String
    /// The number of images, with those of validation; nil if the run does not hold it.
    @Nullable package private(set) var images: Int?
    /// The number of patients or sequences; nil if none are stated, or the run does not hold it.
    @Nullable package private(set) var groups: Int?
    /// The number of images without a lesion; nil if the run does not hold it.
    @Nullable package private(set) var withoutLesion: Int?
    /// The values of the masks that are lesion, in words; nil if the run does not hold them.
    @Nullable package private(set) var masks: String?
    /// The number of images by lesion class.
    package let classes: [String: Int]
    /// The licence or terms of use; nil if none are stated.
    @Nullable package private(set) var licence: String?
    /// Where the images are from; nil if it is not stated.
    @Nullable package private(set) var source: String?
    /// What to cite; nil if it is not stated.
    @Nullable package private(set) var citation: String?
    /// The hash of images, masks and catalogue entries; nil if the run does not hold it.
    @Nullable package private(set) var hash: String?

    enum CodingKeys: String, CodingKey {
      case name, images, groups, masks, classes, licence, source, citation, hash
      case withoutLesion = "n_without_lesion"
    }

    init(
      name: String, images: Int?, groups: Int? = nil, withoutLesion: Int? = nil, masks: String? = nil,
      classes: [String: Int] = [:], licence: String? = nil, source: String? = nil, citation: String? = nil,
      hash: String? = nil
    ) {
      (self.name, self.classes) = (name, classes)
      self.images = images
      self.groups = groups
      self.withoutLesion = withoutLesion
      self.masks = masks
      self.licence = licence
      self.source = source
      self.citation = citation
      self.hash = hash
    }
  }
}
