import Foundation
import Storage

/// A study that cannot be planned, continued or read.
public enum StudyError: Error, Equatable, CustomStringConvertible {
  /// A name is not valid for a folder.
  case armName(String)
  /// A name belongs to no method and no control.
  case unknownMethod(String, known: [String])
  /// A choice has no name or fewer than two values.
  case choice(String)
  /// There is no method or no seed.
  case empty
  /// Evaluations that are to be compared are of different images.
  case otherImages(site: String)
  /// A method or a seed occurs twice.
  case twice(kind: String, String)
  /// A choice occurs twice for one setting.
  case choiceTwice(String)
  /// An arm fixes a setting that validation should choose.
  case setAndChosen(String, arm: String)
  /// A setting follows from the fold.
  case ownOfFold(String)
  /// An arm, or a choice, names its own segmented classes.
  case classesOfArm(String)
  /// The rule that compares scores should itself be chosen by them.
  case choosesSelection
  /// The scores that choose do not depend on the setting.
  case choiceUnseen(String)
  /// Validation should choose settings, but there are no validation images.
  case noValidation(arm: String)
  /// Validation should choose settings, but a fold has no validation image.
  case noValidationImage(site: String)
  /// Two arms have equal settings.
  case sameArms(String, String)
  /// There are fewer than two sites.
  case tooFewSites(URL)
  /// There are fewer than three sites, but settings are to be chosen at source sites.
  case tooFewSources(URL)
  /// A folder holds another run; the differences name each setting or input with its values.
  case foreign(URL, differences: [String])
  /// Some folds have no result.
  case unfinished(URL, done: Int, of: Int, first: URL)
  /// Some folds have no result, or are of another study; the numbers and names are of those without.
  case incomplete(URL, missing: [Int], of: Int, names: [String], differing: [String])
  /// Another process took over a fold, because this one gave no sign of life.
  case lostClaim(URL)
  /// The settings of a trained fold differ from those of the study.
  case otherSettings(URL, study: URL, differences: [String])
  /// A method has no finished run.
  case noRun(URL, method: String)
  /// A scored image no longer exists.
  case lostImage(URL, image: String, site: String)
  /// The record of a study cannot be read.
  case unreadable(URL)

  /// One to three lines with the fix.
  public var description: String {
    switch self {
    case .armName(let name):
      "the arm \"\(name)\": folders are named after it, so use letters, digits, dots, hyphens and underscores"
    case .unknownMethod(let name, let known):
      "the method \"\(name)\" is not known\(Self.suggestion(name, known)); use one of \(known.joined(separator: ", ")), or NAME:key=value,… for one of "
        + "your own"
    case .choice(let text):
      "\(text): write key=value,value with at least two values that differ, such as "
        + "optimizer.learningRate=0.001,0.005"
    case .otherImages(let site):
      "the runs were scored on different images of \(site), so they cannot be compared; leave out those that "
        + "trained on it"
    case .empty: "at least one method and one seed are needed"
    case .twice(let kind, let name): "the \(kind) \(name) stands twice; give each once"
    case .choiceTwice(let name): "\(name) is to be chosen twice; give all its values at once"
    case .setAndChosen(let name, let arm):
      "\(name): is set by the arm \(arm) and to be chosen; leave one of them out"
    case .classesOfArm(let arm):
      "\(arm): sets classes, but all arms of a study segment the same classes; state them for the study with "
        + "--set classes"
    case .ownOfFold(let name): "\(name): follows from the fold; it can be neither an arm's nor chosen"
    case .choosesSelection:
      "selection: cannot be chosen, because the scores of its values are not comparable; set one of them"
    case .choiceUnseen(let name):
      "\(name): changes nothing of the scores that choose, which are those of masks at the network's size "
        + "with the threshold 0.5; set it"
    case .noValidation(let arm):
      "validationShare is 0 in the arm \(arm), but settings are to be chosen on the validation split"
    case .noValidationImage(let site):
      "site \(site) held out: the source sites leave no validation image with a lesion to choose settings on; raise validationShare, or "
        + "state smaller groups"
    case .sameArms(let first, let second): "the arms \(first) and \(second) have the same settings"
    case .tooFewSites(let url): "\(url.path): leaving a site out needs at least two sites"
    case .tooFewSources(let url):
      "\(url.path): choosing settings at source sites that are held out in turn needs at least three sites; use "
        + "--select validation"
    case .foreign(let url, let differences):
      "\(url.path): was run otherwise: \(Self.list(differences)); choose another folder for the study or remove "
        + "this one"
    case .unfinished(let url, let done, let all, let first):
      "\(url.path): \(done) of \(all) folds are finished (the first without a result: \(first.path)); run the command that "
        + "made the study again, it trains only what is missing"
    case .incomplete(let url, let missing, let all, let names, let differing):
      ([
        "\(url.path): \(missing.count + differing.count) of \(all) folds are missing or differ, so there "
          + "are no results"
      ]
        + (missing.isEmpty
          ? []
          : [
            "without a result: \(Self.list(names)); train with --fold \(FoldNumbers.text(missing)), then "
              + "collect again"
          ]) + differing.prefix(8) + (differing.count > 8 ? ["and \(differing.count - 8) more"] : []))
        .joined(separator: "\n")
    case .lostClaim(let url):
      "\(url.path): another process took this fold over, because this one stood still for minutes; the "
        + "other goes on from the last saved state"
    case .otherSettings(let url, let study, let differences):
      "\(url.path): was trained with other settings than \(study.path)/study.json says: \(Self.list(differences)); "
        + "run the command that made the study again"
    case .noRun(let url, let method): "\(url.path): no finished run of the method \(method)"
    case .lostImage(let url, let image, let site):
      "\(url.path): image \(image) of site \(site) was scored but is not there now"
    case .unreadable(let url):
      "\(url.path): cannot be read; give the folder of a study that mcdrl loso or mcdrl ablate wrote"
    }
  }

  private static func suggestion(_ name: String, _ known: [String]) -> String {
    Spelling.near(name, among: known).map { " (did you mean \"\($0)\"?)" } ?? ""
  }

  /// Lists the first few differences.
  private static func list(_ differences: [String]) -> String {
    let shown = differences.prefix(4).joined(separator: ", ")
    return differences.count > 4 ? "\(shown), and \(differences.count - 4) more" : shown
  }
}
