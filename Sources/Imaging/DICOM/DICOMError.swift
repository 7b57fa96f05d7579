import Storage

/// A DICOM file that cannot be read; no message holds a value of the data set.
package enum DICOMError: Error, Equatable, CustomStringConvertible {
  /// The program was built without DCMTK and OpenJPEG.
  case withoutLibraries(file: String)
  /// The content is no DICOM.
  case notDICOM(file: String)
  /// The content is cut short or corrupt.
  case damaged(file: String, reason: String)
  /// The content may be sound, but this kind is not read.
  case unsupported(file: String, reason: String)
  /// The object has no pictures; `kind` says what it is, such as a report or a segmentation.
  case noPixels(file: String, kind: String)
  /// The object has more frames than are read.
  case tooManyFrames(file: String, count: Int, most: Int)
  /// The object has fewer frames; the index counts from 0.
  case noSuchFrame(file: String, index: Int, count: Int)
  /// The object holds a video, whose frames `VideoReader` reads.
  case video(file: String)
  /// The object holds frames and no video.
  case notAVideo(file: String)

  /// One line that names the file, the error and the fix.
  package var description: String {
    switch self {
    case .withoutLibraries(let file):
      "\(shown(file)): a DICOM file, but mcdrl was built without DICOM; install libdcmtk-dev and "
        + "libopenjp2-7-dev (brew: dcmtk openjpeg), run scripts/bootstrap and build again"
    case .notDICOM(let file):
      "\(shown(file)): not a DICOM file; give a file that holds a DICOM data set"
    case .damaged(let file, let reason):
      "\(shown(file)): damaged DICOM: \(reason); copy it again or remove it"
    case .unsupported(let file, let reason):
      "\(shown(file)): a kind of DICOM that is not read: \(reason); convert it with dcmdjpeg or dcmj2pnm"
    case .noPixels(let file, let kind):
      "\(shown(file)): a DICOM object without pictures (\(kind)); give the images of the study"
    case .tooManyFrames(let file, let count, let most):
      "\(shown(file)): has \(count) frames, more than the limit of \(most); split it into several objects"
    case .noSuchFrame(let file, let index, let count):
      "\(shown(file)): has no frame of index \(index); its \(count) frames count from 0"
    case .video(let file):
      "\(shown(file)): holds a video, not single frames; read it as a video"
    case .notAVideo(let file):
      "\(shown(file)): holds frames, not a video; read it as images"
    }
  }

  private func shown(_ file: String) -> String { NativePath.shown(file) }
}
