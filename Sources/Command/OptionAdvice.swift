import Datasets
import Explaining
import Foundation
import Imaging
import Metrics
import Pretraining
import Storage
import Studies
import Training

/// The advice on options for the library's errors, which name only the library's parameters.
enum OptionAdvice {
  /// Returns the message of an error, with a helpful option if there is one.
  static func message(_ error: any Error) -> String {
    // The advice is the whole fix here, so it belongs into the sentence.
    if case RunError.exists = error { return "\(error); continue it with --resume, or choose another --out" }
    return option(for: error).map { "\(error)\n(\($0))" } ?? "\(error)"
  }

  /// Returns the option in a few words; nil if no option helps.
  private static func option(for error: any Error) -> String? {
    switch error {
    case is LeakageError: "continue nevertheless: --allow-leakage"
    case is FolderLockError: "another folder: --out"
    case is CardError: "name another study, or none: --study"
    case let error as RunError: option(for: error)
    case CalibrationError.damaged, CalibrationError.otherModel, CalibrationError.missing,
      CalibrationError.none:
      "calibrate: mcdrl calibrate RUN"
    case let error as StudyError: option(for: error)
    case let error as MetricError: option(for: error)
    case ImagingError.tooManyPixels: "raise the limit: --max-pixels, or --set maxPixels=N in training"
    case ExplainingError.folderInUse: "another folder: --out"
    case ExplainingError.noMechanisms: "leave the sweep out: --sweep none"
    case SuggestionError.tooFewSites(_, .some(_)): "leave --hold-out out"
    case SuggestionError.tooFewImages: "leave it out: --hold-out SITE"
    case SuggestionError.tooFewForEntries: "more images of each site: --images; fewer entries: --prompts"
    case let error as PretrainingError: option(for: error)
    case TrainingError.diverged: "lower the rate: --set optimizer.learningRate=R"
    case TrainingError.interrupted: "continue: --resume"
    default: nil
    }
  }

  private static func option(for error: RunError) -> String? {
    switch error {
    case .noWeights: "continue its training: mcdrl train --out RUN --resume"
    case .noState, .lostWeights, .damagedWeights, .otherFrozenWeights: "another folder: --out"
    case .unreadablePrecision: "state the precision: --precision float32"
    case .noMechanisms: "train without interventions: --set interventions.share=0"
    case .moved(let setting, _, _): "the new place: --\(setting)"
    case .notARun: "a run folder is what mcdrl train --out RUN writes"
    case .tooManyLayers: "--tune last-N"
    case .integersOffCPU: "--device cpu, or another --precision"
    case .wordsKnowSite: "continue nevertheless: --allow-leakage"
    default: nil
    }
  }

  private static func option(for error: StudyError) -> String? {
    switch error {
    case .foreign: "another folder: --out"
    case .choice, .choiceTwice: "--choose"
    default: nil
    }
  }

  private static func option(for error: MetricError) -> String? {
    switch error {
    case .sizeMismatch: "--prediction and --reference must match"
    case .invalidTolerance, .mixedTolerances: "--tolerance"
    case .invalidSpacing, .mixedUnits: "--spacing"
    default: nil
    }
  }

  private static func option(for error: PretrainingError) -> String? {
    switch error {
    case .diverged: "--learning-rate"
    case .interrupted: "continue: --resume"
    case .badState: "start again without --resume"
    case .batchSize, .processes: "--batch"
    case .belowOne("steps", _): "--steps"
    case .noClass: "one class for all: --class NAME"
    case .noScenes: "--interventions 0 and --mask-weight 0"
    case .belowOne: nil
    }
  }
}
