import Confounders
import Datasets
import Foundation
import Storage

/// An error of the work, with its cause and the fix; exit code 1.
enum WorkError: Error, CustomStringConvertible {
  /// Some images failed, with a message for each; the results of the others are written.
  case images([String])
  /// The same for inputs of several kinds.
  case inputs([String])
  /// A file is of no kind that is read.
  case unknownInput(URL)
  /// Two inputs have results of the same name.
  case sameStem(URL, URL)
  /// A folder that should hold images holds none.
  case noImages(URL, wanted: String)
  /// References have no prediction of the same name.
  case missingPredictions(URL, references: URL, missing: [String], of: Int)
  /// Prompt files have faults.
  case prompts([PromptError])
  /// A file is no record of `mcdrl bench`.
  case noBenchmarkRecord(String, reason: String)
  /// A folder of `mcdrl demo` is given instead of a study.
  case demonstration(URL)
  /// A record of a study cannot be read.
  case noStudyRecord(URL)
  /// A study was not planned for several processes.
  case notPlanned(URL)
  /// A study of an earlier version has no copy of its prompts.
  case noStudyPrompts(URL)
  /// Another version planned a study.
  case otherVersion(URL, version: String)
  /// Data, words or weights differ from those that a study was planned with.
  case otherInputs(URL, differences: [String])
  /// A data folder has problems, which are printed.
  case dataProblems(URL, count: Int)
  /// Masks whose values do not say what is lesion, and the option that states it.
  case maskValues(MaskConventionError, option: String)
  /// A CLIP model is neither a known name nor a folder or file.
  case noClip(URL)
  /// A study needs a CLIP model whose words know neither of two sites, and it is missing.
  case noClipWithout(URL, sites: [String])
  /// A study has no finished run.
  case noFinishedRun(URL)
  /// A study has no finished run of the method of the run to calibrate.
  case noFold(URL, method: String)
  /// Every run of an arm was trained on the site to score.
  case trainedOn(site: String, arm: String)
  /// A run holds no site out, and has neither validation images nor a test list.
  case nothingToScore(URL)
  /// Runs that are to be compared name different data.
  case differentData([String])
  /// An output folder is not empty.
  case folderNotEmpty(URL)
  /// A device computes something else than the CPU.
  case deviceDiffers(String, [String])

  var description: String {
    switch self {
    case .noFinishedRun(let folder):
      "\(folder.path): no run of the study is finished; run its command again, which goes on where it stopped"
    case .noFold(let folder, let method):
      "\(folder.path): no finished run of the study is of \(method); give --folds runs of the same method"
    case .trainedOn(let site, let arm):
      "every run of \(arm) was trained on \(site), so there is nothing to compare there; score another site"
    case .nothingToScore(let run):
      "\(run.path): holds no site out and has no validation images, so nothing of its own data is new to it; score "
        + "other data with --data, or name sites with --site"
    case .images(let messages):
      counted(messages.count, "image") + " failed:\n" + messages.joined(separator: "\n")
    case .inputs(let messages):
      counted(messages.count, "input") + " failed:\n" + messages.joined(separator: "\n")
    case .unknownInput(let file):
      "\(file.shownPath): neither a JPEG, PNG, TIFF or BMP image, nor DICOM, nor a video; convert it to "
        + "one of these, unpack an archive, or read data sets and annotations with mcdrl data import"
    case .sameStem(let first, let second):
      "\(first.shownPath) and \(second.shownPath) have the same stem, so their results would have one name; "
        + "call the command twice, with an --out for each"
    case .noImages(let folder, let wanted): "\(folder.shownPath): the folder holds no image; give \(wanted)"
    case .missingPredictions(let folder, let references, let missing, let count):
      "\(folder.path): lacks \(missing.count) of the " + counted(count, "mask") + " in \(references.path), "
        + "such as \(missing.first ?? ""); predictions need the names of their references"
    case .prompts(let errors): errors.map(\.description).joined(separator: "\n")
    case .noBenchmarkRecord(let path, let reason):
      "\(path): is no record of mcdrl bench: \(reason); give a file of Benchmarks/results"
    case .demonstration(let folder):
      "\(folder.path): holds a demonstration; mcdrl demo --out \(folder.path) writes its report again"
    case .noStudyRecord(let file):
      "\(file.path): cannot be read; give the --out of mcdrl loso or mcdrl ablate, which write it"
    case .notPlanned(let file):
      "\(file.path): plan the study first, with all its options and --plan"
    case .noStudyPrompts(let file):
      "\(file.path): is not there; give all options of the study once more, with --plan, which writes it"
    case .otherVersion(let file, let version):
      "\(file.path): mcdrl \(version) planned the study, and this is \(packageVersion); use that version, or plan "
        + "another folder"
    case .otherInputs(let file, let differences):
      "\(file.path): the study was planned with others: \(differences.prefix(6).joined(separator: ", "))"
        + (differences.count > 6 ? ", and \(differences.count - 6) more" : "")
        + "; bring them back, or plan another folder"
    case .dataProblems(let url, let count):
      "\(url.path): " + counted(count, "problem") + "; mend "
        + (count == 1 ? "it" : "them") + " before you train on this data"
    case .maskValues(let error, let option):
      "\(error)\n(here: \(option) V,… with the values of lesions, or \(option) grey)"
    case .noClip(let url):
      "\(url.shownPath): no such folder; use tiny, a CLIP folder, or random:FILE"
        + UsageError.suggestion(for: url.lastPathComponent, among: ["tiny"])
    case .noClipWithout(let url, let sites):
      "\(url.shownPath): no such folder; with --select loso a run withholds two sites, so {site} stands for "
        + "both; make words that know neither: mcdrl clip pretrain --hold-out \(sites.joined(separator: " ")) "
        + "--out \(url.shownPath), with the other options of your words"
    case .differentData(let folders):
      "the runs name different data (\(folders.joined(separator: ", "))), so their scores are not paired; "
        + "name the images for all of them with --data"
    case .deviceDiffers(let device, let works):
      "\(device) differs from the CPU in \(works.joined(separator: ", ")); do not trust results of this device, and "
        + "report it with its driver and the output of mcdrl doctor"
    case .folderNotEmpty(let folder):
      "\(folder.path): the folder is not empty; choose another for --out, or remove its files"
    }
  }
}
