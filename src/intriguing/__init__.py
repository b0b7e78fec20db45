"""Reference reproduction of *Intriguing properties of neural networks* (Szegedy et al., 2013).

Import the module that does the job (``intriguing.attacks``, ``intriguing.networks``, …): this
package imports nothing by itself, so that a workflow job pays only for what it uses.
"""

__version__ = "0.2.0"
