import Files

/// Why a file of tensors could not be read or written: the file, the reason and the way out, in one line.
public typealias TensorFileError = FileError
