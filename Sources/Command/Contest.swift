import Foundation
import Metrics
import Statistics
import Storage
import Studies
import Training

/// The runs that a command compares, by arm.
struct Contest {
  /// One way of training with its runs, at least one.
  struct Arm {
    let name: String
    var runs: [Run]
    /// The rule of lesion pixels of the study; nil for each run's own, which `--set` may have changed.
    var threshold: MaskThreshold?
  }

  /// The arms, in the order of the command line; at least one.
  let arms: [Arm]
  /// The folder of the study, if the command line names one alone.
  private let study: URL?

  /// Whether there is a single run to score.
  var isSingle: Bool { arms.count == 1 && arms[0].runs.count == 1 && study == nil }

  /// Opens runs, and all finished runs of studies.
  ///
  /// Runs of the same method are arms of their own, named by their folders.
  ///
  /// - Parameters:
  ///   - operands: the folders of runs and studies.
  ///   - changes: settings of inference in place of the runs' own, as `KEY=VALUE`.
  /// - Throws: `RunError` or `WorkError` that names the folder.
  init(_ operands: [String], changes: [String] = []) throws {
    let folders = operands.map { URL(fileURLWithPath: $0) }
    let hasThreshold = changes.contains { !ProjectFiles.keepsThreshold($0) }
    let (studies, runs) = (folders.filter(Self.isStudy), folders.filter { !Self.isStudy($0) })
    let opened = try runs.map { try ProjectFiles.run(at: $0, changes: changes) }
    let labels = opened.map(\.configuration.model.method.name)
    var arms = zip(runs, zip(opened, labels)).map { folder, run in
      Arm(name: Set(labels).count == labels.count ? run.1 : folder.path, runs: [run.0])
    }
    for folder in studies {
      let record = try StudyWriter(reading: folder).record
      let folds = record.plan.folds(sites: record.data.keys.sorted())
      let prefix = operands.count > 1 ? "\(folder.lastPathComponent)/" : ""
      for arm in record.plan.arms {
        let runs = try folds.filter { $0.arm == arm }.map { StudyFolder(folder).run($0) }
          .filter { FileManager.default.fileExists(atPath: $0.weightsFile.path) }.map {
            try ProjectFiles.run(at: $0.url, changes: changes)
          }
        if !runs.isEmpty {
          let threshold = hasThreshold ? nil : record.plan.threshold
          arms.append(Arm(name: prefix + arm.name, runs: runs, threshold: threshold))
        }
      }
      guard arms.contains(where: { !$0.runs.isEmpty }) else { throw WorkError.noFinishedRun(folder) }
    }
    self.arms = arms
    study = operands.count == 1 ? studies.first : nil
  }

  /// Whether a folder is that of a study.
  static func isStudy(_ folder: URL) -> Bool {
    FileManager.default.fileExists(atPath: StudyWriter.recordFile(folder).path)
  }

  /// The prompts of all runs of a study in words; nil if they differ, or without a study alone.
  var sharedPrompts: String? {
    let prompts = arms.flatMap(\.runs).map(\.prompts)
    guard let study, prompts.allSatisfy({ $0 == prompts[0] }) else { return nil }
    return "the prompts of the study \(study.path)"
  }

  /// Writes a comparison of the arms into the folder of the study, if one was named alone.
  ///
  /// - Parameters:
  ///   - comparison: the comparison.
  ///   - name: the name of the file, such as `comparison-SITE.json`.
  /// - Throws: `FileError` that names the file.
  func write(_ comparison: some Encodable, as name: String) throws {
    guard let file = file(name) else { return }
    try AtomicFile.write(json: comparison, to: file)
  }

  /// Returns a file in the folder of the study; nil unless a study was named alone.
  func file(_ name: String) -> URL? { study?.appendingPathComponent(name) }
}

extension SiteComparison {
  /// One sentence with the mean Dice of the only arm and its interval.
  var sentence: String {
    guard let dice = arms.first?.dice else { return "" }
    return "mean Dice \(dice.text); \(resampling)"
  }

  /// The table of the arms, and what was resampled.
  var text: String {
    let rows = arms.map { arm in
      let difference = differences.first { $0.candidate == arm.name }
      return [
        arm.name, "\(arm.runs)", arm.dice.text, arm.diceWithLesion?.text ?? "–",
        difference?.dice.signedText ?? "–",
      ]
    }
    let others = trivial.sorted { $0.key < $1.key }.map { [$0.key, "–", format($0.value), "–", "–"] }
    let reference = arms.first?.name ?? ""
    return """
      site \(site), n = \(images), mean Dice at the images' own size with 95 % intervals
      \(Console.table(["", "runs", "Dice", "Dice (lesion)", "minus \(reference)"], rows + others))
      \(resampling)\(shortage); an arm's score of an image is the mean over its runs

      """
  }

  private var resampling: String {
    Interval.resampling(groups: groups, images: differentImages)
      + (arms.first?.dice.reason.map { "; \($0)" } ?? "")
  }

  /// Why only the images with a lesion give no interval.
  private var shortage: String {
    guard let arm = arms.first, arm.dice.reason == nil, let reason = arm.diceWithLesion?.reason else {
      return ""
    }
    return "; with a lesion: \(reason)"
  }
}

extension Interval {
  /// The resampled units of an interval over images, in words.
  static func resampling(groups: Int, images: Int) -> String {
    let unit = groups == images ? "image" : "patient or sequence"
    return "95 % interval over \(counted(groups, unit)), resampled 2000 times"
  }
}
