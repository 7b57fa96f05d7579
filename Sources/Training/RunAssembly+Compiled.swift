import Torch

extension RunAssembly {
  /// The system of a finished run, compiled for inference; its file is read layer by layer and not needed
  /// afterwards.
  ///
  /// - Parameters:
  ///   - run: the run folder.
  ///   - device: where to compute, whatever it was trained on.
  ///   - precision: the arithmetic; nil for that of the run.
  /// - Returns: the compiled system, and the run's settings.
  /// - Throws: an error that names the file of the run that is missing or does not fit, or `TorchError`.
  package static func compiled(
    _ run: RunDirectory, on device: Device = .cpu, for precision: Precision? = nil
  ) throws -> (system: CompiledSystem, configuration: RunConfiguration) {
    let (system, configuration) = try trained(run, on: device, lazily: true)
    return (try system.compiled(for: precision ?? configuration.precision), configuration)
  }
}
