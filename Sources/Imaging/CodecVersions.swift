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
}
