import Storage

/// The uses and the limits of a model, as far as its run knows them.
extension CardFacts {
  /// The lesion classes that training showed, or those of the prompts if the data state none.
  var lesionClasses: [String] {
    guard configuration.classes.isEmpty else { return configuration.classes }
    let shown = Set((provenance?.sites ?? []).flatMap(\.classes.keys)).sorted()
    return shown.isEmpty ? prompts.classes : shown
  }

  /// The uses that the model is made for, and those that it is not.
  var uses: ModelCard.Uses {
    let classes = list(lesionClasses)
    return ModelCard.Uses(
      intended: [
        "The model marks the pixels of a lesion in images of \(prompts.modality). It is for these lesion classes: "
          + "\(classes).",
        "It is made for research: on segmentation, and on how a model that was trained at some hospitals does at "
          + "another one.",
        "A person who can judge the images looks at every mask.",
      ],
      outOfScope: [
        "This is research software. It is not a medical device, and no authority has cleared it.",
        "It is not for diagnosis, therapy, or any other decision about a patient.",
        "An image without a mark is no sign that there is no lesion.",
        "It is not for other kinds of images than those of its training sites: other organs, other devices, other "
          + "ways of imaging.",
      ])
  }

  /// What the scores cannot tell.
  var limits: [String] {
    let side = configuration.imageSize
    var found = [
      "The network sees an image as a square of \(side) × \(side) pixels. It cannot see what is smaller than a few "
        + "of these pixels.",
      "The scores say how well the masks agree with those that people drew. They do not say what the masks are worth "
        + "to a patient.",
      "Neither the data nor the run states age, sex, skin, disease or device. Nothing is known of differences between "
        + "groups of patients.",
      "An interval is for this model and for images as those that were scored. It does not say how another hospital "
        + "will be.",
    ]
    found +=
      evaluations.contains { !$0.isUnseen }
      ? ["Scores at sites that were trained on are usually higher than those at a new site."] : []
    if certainty == nil {
      found.append("The probabilities were not calibrated: they rank pixels, and are no chances of a lesion.")
    }
    return found + [confounders]
  }

  /// The confounders of the dictionary, and what the method does with them.
  private var confounders: String {
    let names = list(prompts.confounders.map(\.name))
    let use =
      configuration.model.method.traits.intervenes
      ? "The method reads these confounders as words and intervenes on them: \(names)."
      : configuration.interventionShare > 0
        ? "The prediction reads no words. Training changed images as these confounders would: \(names)."
        : "The prediction reads no words, and training changed no image as a confounder would. The run knows these names: "
          + "\(names)."
    return use + " Nothing is known of other confounders."
  }
}
