import Segmentation
import Studies
import Training

/// The library's errors of settings that the command line gave.
enum SettingFault {
  /// Reads and checks settings before anything is trained, so that a fault is one of the command line.
  ///
  /// - Throws: `UsageError` for a setting that is unknown or has a wrong value, or the other errors
  ///   of the body.
  static func inCommandLine<Result>(_ body: () throws -> Result) throws -> Result {
    do {
      return try body()
    } catch let error as SettingsError {
      throw UsageError.settings(error)
    } catch let error as RunError {
      switch error {
      case .tooManyLayers, .cannotChange: throw UsageError.settings(error)
      default: throw error
      }
    } catch let error as StudyError {
      throw UsageError.settings(error)
    } catch let error as MethodError {
      throw UsageError.settings(error)
    }
  }
}
