import CDICOM
import CImageCodecs

/// The versions of the libraries that decode and encode images.
package enum CodecVersions {
  /// The version of libjpeg-turbo with which this program was compiled.
  package static var jpeg: String { String(cString: codec_jpeg_version()) }
  /// The version of libpng.
  package static var png: String { String(cString: codec_png_version()) }
  /// The version of libtiff, the last word of the first line of its banner.
  package static var tiff: String {
    let banner = String(cString: codec_tiff_version())
    return banner.prefix { $0 != "\n" }.split(separator: " ").last.map(String.init) ?? banner
  }
  /// The version of DCMTK; nil if this program was built without DICOM.
  package static var dcmtk: String? { dicom_dcmtk_version().map { String(cString: $0) } }
  /// The version of OpenJPEG; nil if this program was built without DICOM.
  package static var openjpeg: String? { dicom_openjpeg_version().map { String(cString: $0) } }
  /// Whether DCMTK converts character sets, as patients' identifiers need it.
  package static var convertsCharacterSets: Bool { dicom_converts_characters() != 0 }
}
