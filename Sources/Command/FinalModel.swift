import Datasets
import Foundation
import Storage
import Studies
import Training

/// The options that say what a run trains on, from which weights, and for how long.
struct FinalModelOptions: OptionGroup {
  let sites = Option.commas(
    "sites", "SITE", .text, said: "all but the one held out", "train on these sites alone")
  let trainList = Option.optional(
    "train-list", "FILE", .file, "train on these images: a name on each line, SITE/NAME or NAME")
  let validationList = Option.optional(
    "validation-list", "FILE", .file, "validate on these images, in place of a share of each site")
  let testList = Option.optional(
    "test-list", "FILE", .file, "mcdrl evaluate scores these images, which take no part in training")
  let initial = Option.optional(
    "init", "RUN", .file, "begin with the weights, prompts and settings of this run")
  let epochsFrom = Option.commas(
    "epochs-from", "STUDY|RUN", .text,
    "train for the median of the epochs that validation chose there, and keep the last one")
}

extension Arguments<FinalModelOptions> {
  /// Reads the lists of images; nil without any.
  ///
  /// - Throws: `UsageError` if one is missing, `ImageListError` that names file and line.
  func lists(_ catalog: SiteCatalog) throws -> ImageLists? {
    guard try self.trainList ?? self.validationList ?? self.testList != nil else { return nil }
    return try ImageLists(
      training: required(\.trainList), validation: required(\.validationList), test: self.testList,
      of: catalog)
  }

  /// Checks that lists and `--init`, if given, are those of a resumed run.
  ///
  /// - Throws: `UsageError.differsFromRun` that names the option, or an error that names the file.
  func check(resuming run: Run) throws {
    if let option = written(\.initial), let ancestor = try self.initial,
      try !run.continues(ProjectFiles.run(at: ancestor))
    {
      throw UsageError.differsFromRun(option: option, own: "other weights")
    }
    let options = [written(\.trainList), written(\.validationList), written(\.testList)]
    if let option = options.compactMap({ $0 }).first, try lists(run.catalog()) != run.lists {
      throw UsageError.differsFromRun(option: option, own: "other images (\(run.folder.listsFile.path))")
    }
  }

  /// The number of epochs, by the runs of `--epochs-from`, set in settings; a note says where from.
  ///
  /// - Returns: where the number is from, in words without folders; nil without the option.
  /// - Throws: `ChosenEpochsError`, or an error that names the folder.
  func takeEpochs(for settings: inout RunConfiguration, _ console: Console) throws -> String? {
    let folders = try self.epochsFrom
    guard !folders.isEmpty else { return nil }
    let runs = try folders.flatMap { try EpochSource.runs(in: URL(fileURLWithPath: $0), for: settings) }
    let chosen = try ChosenEpochs(runs, for: settings)
    let parts = zip(runs, chosen.epochs).map { run, epoch in
      "\(run.configuration.holdOut ?? run.folder.url.lastPathComponent) \(epoch)"
    }
    chosen.apply(to: &settings)
    console.note(
      "epochs=\(chosen.median): the median of the epochs that validation chose in "
        + "\(counted(runs.count, "run")) of \(folders.joined(separator: ", ")) (held out: "
        + "\(parts.joined(separator: ", "))); the last epoch is the model (selection=last)")
    return "the median of the epochs that validation chose in \(counted(runs.count, "run")) (held out: "
      + "\(parts.joined(separator: ", ")))"
  }
}

/// The runs whose chosen epochs give the number of epochs of a final model.
enum EpochSource {
  /// Returns a run, or the runs of a study's arm that has the method and settings of the final model.
  ///
  /// - Parameters:
  ///   - folder: the folder of a run or a study.
  ///   - settings: the settings of the final model.
  /// - Returns: the runs, at least one.
  /// - Throws: `ChosenEpochsError`, or an error that names the folder.
  static func runs(in folder: URL, for settings: RunConfiguration) throws -> [Run] {
    guard FileManager.default.fileExists(atPath: StudyWriter.recordFile(folder).path) else {
      return [try ProjectFiles.run(at: folder)]
    }
    let plan = try StudyWriter(reading: folder).record
    let methods = try plan.plan.arms.map { arm in
      (arm: arm, method: try arm.applied(to: plan.plan.configuration).model.method.name)
    }
    let own = methods.filter { $0.method == settings.model.method.name }
    guard !own.isEmpty else {
      throw ChosenEpochsError.noArm(
        folder, method: settings.model.method.name, known: Set(methods.map(\.method)).sorted())
    }
    let folds = plan.plan.folds(sites: plan.data.keys.sorted())
    let found = try own.map { arm, _ in
      try folds.filter { $0.arm == arm }.map { fold in
        let place = StudyFolder(folder).run(fold)
        guard place.exists else { throw ChosenEpochsError.unfinished(place.url) }
        return try ProjectFiles.run(at: place.url)
      }
    }
    // Of several arms of one method the first with the same settings counts.
    return found.first { (try? ChosenEpochs($0, for: settings)) != nil } ?? found[0]
  }
}
