// Segments one image: infer RUN IMAGE MASK
import Foundation
import Imaging
import Training

let files = CommandLine.arguments.dropFirst().map { URL(filePath: $0) }
let mask = try Run.open(at: files[0]).predictor().mask(of: ImageFile.read(files[1]))
try mask.write(to: files[2])
