import Storage

/// A DICOM object that cannot be written; no message holds a value of a patient.
package enum DICOMWritingError: Error, Equatable, CustomStringConvertible {
  /// The program was built without DCMTK.
  case withoutLibraries(file: String)
  /// The file is no DICOM object of the right kind, or lacks what a derived object needs.
  case source(file: String, reason: String)
  /// Frames, masks or names do not fit the file.
  case argument(file: String, reason: String)
  /// The object would be larger than DICOM or memory allow.
  case tooLarge(file: String, reason: String)
  /// The library failed.
  case failed(file: String, reason: String)

  /// One line that names the file, the error and, if known, the fix.
  package var description: String {
    switch self {
    case .withoutLibraries(let file):
      "\(shown(file)): DICOM cannot be written, because mcdrl was built without it; install libdcmtk-dev and "
        + "libopenjp2-7-dev (brew: dcmtk openjpeg), run scripts/bootstrap and build again"
    case .source(let file, let reason):
      "\(shown(file)): not usable for a DICOM result: \(reason); give the file as the archive has it"
    case .argument(let file, let reason): "\(shown(file)): no DICOM result: \(reason)"
    case .tooLarge(let file, let reason): "\(shown(file)): no DICOM result: \(reason)"
    case .failed(let file, let reason):
      "\(shown(file)): no DICOM result: \(reason); check the file with dcmdump"
    }
  }

  private func shown(_ file: String) -> String { NativePath.shown(file) }
}
