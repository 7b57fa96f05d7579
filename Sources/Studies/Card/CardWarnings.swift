import Confounders
import Metrics
import Statistics
import Storage
import Training

/// What to know before a model is used, a sentence each; the gravest come first.
extension CardFacts {
  /// Returns the warnings.
  ///
  /// - Parameter study: the study beside the run; nil for none.
  /// - Returns: a sentence each, at least one.
  /// - Throws: the error of a damaged file.
  func warnings(_ study: StudyEvidence?) throws -> [String] {
    let name = configuration.model.method.name
    let found =
      unfinished + evaluations.flatMap(\.findings) + (validation?.findings(name) ?? []) + unseen(study) + few
      + leaks(study) + choices + otherInference + data + studyWarnings(study)
    // Two files may state the same.
    return found.reduce(into: []) { if !$0.contains($1) { $0.append($1) } }
  }

  private var unfinished: [String] {
    // An ensemble was not trained; its members were finished.
    if members != nil { return [] }
    var found: [String] = []
    if weights == nil { found.append("The run holds no weights: no epoch of its training is finished.") }
    if history.count < configuration.epochs, !stoppedEarly {
      found.append(
        "The training is not finished: \(history.count) of \(counted(configuration.epochs, "epoch")).")
    }
    if intervenes == false {
      found.append(
        "The stored weights are those of an epoch before the intervention began, so the prediction does not intervene."
      )
    }
    return found
  }

  /// States that no score is of a site that training never saw.
  private func unseen(_ study: StudyEvidence?) -> [String] {
    guard !evaluations.contains(where: \.isUnseen) else { return [] }
    if let site = configuration.holdOut {
      return [
        "The model was not scored at \(site), the site that was held out. Its scores at a new hospital are unknown."
      ]
    }
    return [
      "No site was held out, and none that is new to the model was scored. "
        + (study == nil
          ? "Its scores at a new hospital are unknown."
          : "What to expect at a new hospital comes from the study alone.")
    ]
  }

  /// States where scores are over few images or patients.
  private var few: [String] {
    evaluations.compactMap { evaluation in
      guard let groups = evaluation.groups, groups < IndependentUnits.least,
        let reason = evaluation.dice?.reason
      else { return nil }
      return "The scores at \(evaluation.site) are over few cases: \(reason)."
    }
  }

  private func leaks(_ study: StudyEvidence?) -> [String] {
    var found: [String] = []
    if let leakage = provenance?.leakage, leakage.contains("allowed") {
      found.append(
        "The same patients or images at two sites were allowed: \(leakage). Scores at the held-out site may be too high."
      )
    }
    if let study, study.leakage.contains("allowed") {
      found.append("The study allowed the same patients or images at two sites: \(study.leakage).")
    }
    if let site = configuration.holdOut, provenance?.weights.wordsOf.contains(site) == true {
      found.append("Images of the held-out site \(site) taught the words of the CLIP model.")
    }
    for evaluation in evaluations where evaluation.seed != configuration.seed {
      found.append(
        "The scores at \(evaluation.site) are of a run with the seed \(evaluation.seed), not of this one: evaluate again."
      )
    }
    return found
  }

  /// States what one training cannot tell, and how its epoch came about.
  private var choices: [String] {
    if let members {
      return [
        "The model is the mean of the \(members.average) of \(counted(members.names.count, "run")). The scores of one "
          + "of them are not those of the mean."
      ]
    }
    var found = [
      "The scores are of one training with one seed. Another seed gives another model, and other scores."
    ]
    if validation == nil, !history.isEmpty {
      found.append("No validation image chose the epoch: the weights are those of the last one.")
    } else if let last = history.last, last.best, configuration.averaging != .swad, history.count > 1,
      configuration.selection != .last,
      !stoppedEarly
    {
      found.append("The last epoch is the chosen one, so a longer training might give more.")
    }
    if validation != nil, configuration.selection != .last, history.count > 1,
      evaluations.contains(where: \.isOfValidation)
    {
      found.append(
        "The epoch was chosen on the validation images that were also scored, so these scores are a little too high."
      )
    }
    if configuration.clip?.hasPrefix("random:") == true {
      found.append("The image tower began with random weights, not with weights that have seen pictures.")
    }
    if configuration.scenes != .observed {
      found.append(
        "Training saw rendered scenes without the link between lesion and confounder, which no hospital has.")
    }
    return found
  }

  private var otherInference: [String] {
    let sites = evaluations.filter { $0.usesOwnInference == false }.map(\.site)
    return sites.isEmpty
      ? []
      : [
        "The scores at \(list(sites)) were computed with other settings of inference than the run's own, which "
          + "predictions use."
      ]
  }

  private var data: [String] {
    var found: [String] = []
    guard let provenance else {
      return [
        "An earlier version trained the run. It did not store patients, images without a lesion, masks and licences."
      ]
    }
    let ungrouped = provenance.sites.filter { !$0.statesGroups }.map(\.name)
    if !ungrouped.isEmpty {
      found.append(
        "The data of \(list(ungrouped)) state no patients. Images of one patient may be in training and in validation."
      )
    }
    let unlicensed = provenance.sites.filter { $0.origin.licence == nil }.map(\.name)
    if !unlicensed.isEmpty { found.append("The data of \(list(unlicensed)) state no licence.") }
    if provenance.weights.licences.isEmpty, configuration.clip?.hasPrefix("random:") != true {
      found.append(
        "\(provenance.weights.name), from which the training began, states no licence of its weights.")
    }
    return found
  }

  private func studyWarnings(_ study: StudyEvidence?) -> [String] {
    guard let study else { return [] }
    var found: [String] = []
    if !study.otherSites.isEmpty {
      found.append(
        "The study and the run do not have the same sites: they differ in \(list(study.otherSites)).")
    }
    if !study.otherImages.isEmpty {
      found.append("The images of \(list(study.otherImages)) are not those of the study.")
    }
    if !study.differences.isEmpty {
      found.append(
        "The models of the study had other settings: \(study.differences.joined(separator: "; ")).")
    }
    if study.seeds.count == 1 {
      found.append("The study has one seed, which says nothing of others.")
    }
    return found
  }
}
