import Training

extension FoldRun {
  /// Lets a trained run choose its rule of masks, if its settings ask for it.
  ///
  /// Only validation images of the source sites are read. A run that has chosen keeps its choice.
  ///
  /// - Parameter run: the chosen run of the fold, trained.
  /// - Returns: the run with its rule.
  /// - Throws: `MaskTuningError`, or an error that names an image.
  func tuned(_ run: Run) throws -> Run {
    try run.chooseMasks(on: study.split(run.configuration).validation)
    return run
  }
}
