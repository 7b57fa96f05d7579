import Foundation
import Metrics
import Statistics
import Storage
import Studies

/// The sections of a model card about the model, its data and its training.
extension ModelCard {
  /// What the run does not state, in the place of a value.
  static let notStated = "not stated"
  /// What the run does not hold, in the place of a number.
  static let notStored = "not stored by the run"

  /// The model, its weights and its words.
  var identity: CardDocument.Section {
    var facts: [(name: String, text: String)] = [
      ("method", "\(model.method): \(model.summary)"),
      ("paper", model.reference.isEmpty ? "none" : model.reference),
      ("contact", contact ?? Self.notStated),
      ("image tower (backbone)", model.tower), ("began with", model.start),
      ("input", "a square of \(model.side) × \(model.side) pixels; an image \(model.framing)"),
      ("prediction", "\(model.prediction); a pixel is lesion from \(model.rule)"),
      ("lesion classes", model.classes.joined(separator: ", ")),
    ]
    if let intervenes = model.intervenes {
      facts.append(("inference intervenes", intervenes ? "yes" : "no"))
    }
    if let average = model.average {
      facts.append(("mean of the \(average) of", model.members.joined(separator: ", ")))
    }
    facts +=
      (model.weights.map(Self.facts) ?? [
        ("weights", model.average == nil ? Self.notStored : "those of the members")
      ])
    if !model.precisions.isEmpty {
      let dice = model.precisions.sorted { $0.key < $1.key }.map { "\($0.key) \(HTMLPage.number($0.value))" }
      facts.append(("Dice of the validation images by arithmetic", dice.joined(separator: ", ")))
    }
    let groups = model.confounders.map { group in
      let members = group.members.map { group.settable.contains($0) ? $0 : "\($0) (a name only)" }
      return (name: group.name, text: members.joined(separator: ", "))
    }
    let dictionary =
      (model.readsDictionary
        ? "The prediction reads these confounders as words."
        : "The run knows these confounders by name; the prediction does not read them.")
      + " Training and mcdrl explain can change an image as each of them would; \"a name only\" marks the others."
    return .init(
      heading: "The model",
      blocks: [
        .facts(facts), .details("the confounders of the run", [.paragraph(dictionary), .facts(groups)]),
      ])
  }

  private static func facts(_ weights: Model.Weights) -> [(name: String, text: String)] {
    func count(_ number: Int) -> String { HTMLPage.number(Double(number), 0) }
    return [
      (
        "weights",
        "\(count(weights.tower)) numbers in the image tower, \(count(weights.head)) in method and head; "
          + "\(HTMLPage.number(Double(weights.bytes) / 1e6, 1)) MB"
      ),
      ("hash of model.safetensors", "\(weights.hash) (no protection against forgery)"),
    ]
  }

  /// The uses that the model is made for, and those that it is not.
  var purpose: CardDocument.Section {
    .init(
      heading: "Uses",
      blocks: [
        .paragraph("Made for:"), .list(uses.intended), .paragraph("Not made for:"), .list(uses.outOfScope),
      ])
  }

  /// The training sites.
  var data: CardDocument.Section {
    func count(_ number: Int?) -> String { number.map { HTMLPage.number(Double($0), 0) } ?? "–" }
    func total(_ value: (Site) -> Int?) -> String {
      let values = sites.map { value($0).map(Double.init) }
      return values.contains(nil)
        ? "–" : HTMLPage.number(values.compactMap { $0 }.reduce(0, +), 0)
    }
    let rows = sites.map { site in
      [site.name, count(site.images), count(site.groups), count(site.withoutLesion), site.classWords]
    }
    var facts = [
      (name: "held out", text: heldOut ?? "no site: the model was trained on all of them"),
      (
        name: "search for the same patient or image at two sites",
        text: leakage
          ?? (heldOut == nil
            ? "not searched, because no site was held out" : "no result is stored by the run")
      ),
    ]
    facts += sites.flatMap(\.statements)
    let sum = ["all", total(\.images), total(\.groups), total(\.withoutLesion), ""]
    return .init(
      heading: "Training data",
      blocks: [
        .table(
          headings: [
            "site", "images (training and validation)", "patients or sequences", "without a lesion",
            "classes",
          ],
          rows: rows + [sum], emphasised: [rows.count]),
        .paragraph("A dash means that the data do not state it, or that the run does not hold it."),
        .facts(facts),
      ])
  }

  /// How the model was trained.
  var procedure: CardDocument.Section {
    let isJoined = model.average != nil
    let all =
      "\(training.finished) of \(counted(training.epochs, "epoch"))"
      + (training.stoppedEarly ? ", stopped because the score did not rise" : "")
    let score =
      (training.chosenScore.map { " with the score \(HTMLPage.number($0))" } ?? "")
      + (training.validationDice.map { "; Dice over all validation images \(HTMLPage.number($0))" } ?? "")
    var facts: [(name: String, text: String)] = [
      (
        "epochs",
        (isJoined || training.finished == training.epochs ? counted(training.epochs, "epoch") : all)
          + (isJoined ? " for each member" : training.epochsFrom.map { ": \($0)" } ?? "")
      ),
      (
        "chosen",
        isJoined ? "by each member for itself" : training.chosen.map { "epoch \($0)\(score)" } ?? "none yet"
      ), ("rule", training.rule),
      ("trained part of the image tower", training.tuned), ("optimiser", training.optimiser),
      ("loss", training.loss), ("random changes of the images", training.augmentation),
      ("interventions", training.interventions), ("seed", "\(training.seed)"),
      ("time", isJoined ? Self.notStored : "\(HTMLPage.number(training.seconds / 60, 0)) minutes"),
      ("mcdrl", training.version ?? Self.notStored), ("libtorch", training.libtorch ?? Self.notStored),
      ("hash of the starting weights", training.start ?? Self.notStored),
    ]
    if let validation {
      facts.append(("validation", validation.words))
    }
    return .init(heading: "Training", blocks: [.facts(facts)])
  }

  /// The licences of weights and software.
  var licences: CardDocument.Section {
    let weights =
      weightLicences.isEmpty
      ? [(name: "weights that the training began with", text: Self.notStated)]
      : weightLicences.map { (name: $0.name, text: $0.licence) }
    var blocks: [CardDocument.Block] = [
      .paragraph(
        "The licence of these weights follows from those of the training images (above), of the weights that the "
          + "training began with, and from the decision of whoever trained them. The run does not state it."),
      .facts(weights),
    ]
    if !software.isEmpty {
      blocks.append(
        .details("the software", [.facts(software.map { (name: $0.name, text: $0.licence) })]))
    }
    return .init(heading: "Licences", blocks: blocks)
  }

  /// How to use the model, and how to train it again.
  var handling: CardDocument.Section {
    let holdOut = heldOut.map { " --hold-out \(ShellWord.quoted($0))" } ?? ""
    return .init(
      heading: "How to use and to reproduce it",
      blocks: [
        .paragraph("Masks and overlays of new images, and the scores at a hospital with masks of its own:"),
        .code([
          "mcdrl predict RUN IMAGES --out predictions --format mask,overlay",
          "mcdrl evaluate RUN --data DATA",
        ]),
        .paragraph(
          "To train it again, copy config.json of the run to settings.json5 without data and clip. The hashes of "
            + "sites and starting weights tell whether the inputs are the same."),
        .code([
          "mcdrl train --data DATA --clip CLIP\(holdOut) --config settings.json5 --prompts RUN/prompts.json5 --out NEW"
        ]),
      ])
  }

  /// Every setting.
  var everySetting: CardDocument.Section {
    .init(
      heading: "Settings",
      blocks: [
        .details(
          "every setting of the run",
          [
            .table(
              headings: ["setting", "value"],
              rows: settings.sorted { $0.key < $1.key }.map { [$0.key, $0.value.text] })
          ])
      ])
  }
}

extension ModelCard.Model {
  /// The weights that the training began with.
  fileprivate var start: String {
    let name = clip.isEmpty ? ModelCard.notStored : clip
    return ancestors > 0
      ? "the weights of \(counted(ancestors, "run")) in turn; the first began with \(name)" : name
  }
}

extension ModelCard.Site {
  /// What is stated of the masks and of the origin of the images.
  fileprivate var statements: [(name: String, text: String)] {
    var found: [(name: String, text: String)] = [
      ("masks of \(name)", masks ?? ModelCard.notStored),
      ("licence of \(name)", licence ?? ModelCard.notStated),
      ("source of \(name)", source ?? ModelCard.notStated),
    ]
    if let citation { found.append(("to cite for \(name)", citation)) }
    if let hash { found.append(("hash of \(name)", hash)) }
    return found
  }

  /// The number of images by lesion class.
  fileprivate var classWords: String {
    classes.isEmpty
      ? "–" : classes.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value)" }.joined(separator: ", ")
  }
}

extension ModelCard.Validation {
  /// The scores in one line.
  fileprivate var words: String {
    let best = trivial.compactMap { item in item.dice.map { (item.name, $0) } }.max { $0.1 < $1.1 }
    return
      "Dice \(HTMLPage.number(dice)) over \(counted(count, "image")), \(HTMLPage.number(diceWithLesion)) over "
      + "the \(countWithLesion) with a lesion, at the network's size"
      + (best.map { "; the best predictor that ignores the image (\($0.0)): \(HTMLPage.number($0.1))" } ?? "")
  }
}

/// A word of a command line.
enum ShellWord {
  /// Returns a word for a POSIX shell; quoted unless it is plain.
  static func quoted(_ word: String) -> String {
    let plain =
      !word.isEmpty
      && word.unicodeScalars.allSatisfy {
        ("a"..."z").contains($0) || ("A"..."Z").contains($0) || ("0"..."9").contains($0)
          || ["-", "_", ".", "/", "+", ":"].contains($0)
      }
    return plain ? word : "'" + word.replacingOccurrences(of: "'", with: "'\\''") + "'"
  }
}
