import Confounders
import Foundation
import Storage

/// Work that failed, with what was wrong and what to do; exit code 1.
enum WorkError: Error, CustomStringConvertible {
  /// Images that failed, with the message of each. The results of the others are written.
  case images([String])
  /// Two inputs whose results would have one name.
  case sameStem(URL, URL)
  /// A folder that should hold images.
  case noImages(URL, wanted: String)
  /// References without a prediction of the same name.
  case missingPredictions(URL, references: URL, missing: [String], of: Int)
  /// Bad prompt files.
  case prompts([PromptError])
  /// A file that is no record of `mcdrl bench`.
  case noBenchmarkRecord(String, reason: String)
  /// A folder of `mcdrl demo` where a study is wanted.
  case demonstration(URL)
  /// A record of a study that cannot be read.
  case noStudyRecord(URL)
  /// An output folder that is not empty.
  case folderNotEmpty(URL)

  var description: String {
    switch self {
    case .images(let messages): "\(messages.count) images failed:\n" + messages.joined(separator: "\n")
    case .sameStem(let first, let second):
      "\(first.path) and \(second.path) have the same stem, so their results would have one name; "
        + "call the command twice, with an --out for each"
    case .noImages(let folder, let wanted): "\(folder.path): the folder holds no image; give \(wanted)"
    case .missingPredictions(let folder, let references, let missing, let count):
      "\(folder.path): lacks \(missing.count) of the \(count) masks in \(references.path), "
        + "such as \(missing.first ?? ""); predictions need the names of their references"
    case .prompts(let errors): errors.map(\.description).joined(separator: "\n")
    case .noBenchmarkRecord(let path, let reason):
      "\(path): is no record of mcdrl bench: \(reason); give a file of Benchmarks/results"
    case .demonstration(let folder):
      "\(folder.path): holds a demonstration; mcdrl demo --out \(folder.path) writes its report again"
    case .noStudyRecord(let file):
      "\(file.path): cannot be read; give the --out of mcdrl loso or mcdrl ablate, which write it"
    case .folderNotEmpty(let folder):
      "\(folder.path): the folder is not empty; choose another for --out, or remove its files"
    }
  }
}
