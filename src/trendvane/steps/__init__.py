"""The steps. Each is one public function named like its file; steps meet in the data, never in the code."""
